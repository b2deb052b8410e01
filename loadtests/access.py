"""What keys and TLS cost: `python -m loadtests.access`.

It starts three servers of one worker: open, with keys, with TLS. wrk asks each in turn, over
connections that are kept, and over a new one for each request. Every second round goes the other
way round. The figures are medians of the rounds' requests a second, and of their ratio to the open
server. Don't use the machine for other work meanwhile.
"""

import json
import os
import re
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from statistics import median
from typing import Final

import click
import trustme

from loadtests.bench.requests import HOST
from loadtests.bench.servers import ROOT, free_port
from loadtests.bench.tools import require, run_tool
from loadtests.command_line import begin
from service.api.access.keys import entry_of, make_key

_READY_SECONDS: Final = 300
_WARM: Final = "all shapes are timed"
_IMAGE: Final = ROOT / "service" / "api" / "docs" / "static" / "seven.png"
_SCRIPT: Final = """
local file = assert(io.open("{image}", "rb"))
wrk.method, wrk.body = "POST", file:read("*a")
wrk.headers = {{["Content-Type"] = "image/png", ["Authorization"] = "Bearer {key}"{close}}}
"""


@click.command()
@click.option("--rounds", type=click.IntRange(1), default=5, show_default=True)
@click.option("--seconds", type=click.IntRange(1), default=5, show_default=True)
@click.option("--connections", type=click.IntRange(1), default=32, show_default=True)
def main(rounds: int, seconds: int, connections: int) -> None:
    """Measure what keys and TLS cost."""
    begin()
    require(["wrk"])
    key = make_key()
    rates: dict[tuple[str, str], list[float]] = defaultdict(list)
    with tempfile.TemporaryDirectory(prefix="trident-access-") as name, ExitStack() as servers:
        folder = Path(name)
        urls = {
            kind: servers.enter_context(_serving(folder, kind, settings))
            for kind, settings in _kinds(folder, key).items()
        }
        for close in ("", ', ["Connection"] = "close"'):
            script = folder / "wrk.lua"
            script.write_text(_SCRIPT.format(image=_IMAGE, key=key, close=close))
            how = "new" if close else "kept"
            for number in range(rounds + 1):  # the first isn't measured
                for kind, url in list(urls.items())[:: -1 if number % 2 else 1]:
                    rate = _rate(url, script, connections, seconds)
                    if number:
                        rates[how, kind].append(rate)
    for (how, kind), found in rates.items():
        ratio = median(one / free for one, free in zip(found, rates[how, "open"], strict=True))
        click.echo(f"{how:4} {kind:4}  {median(found):8,.0f} requests/s  {ratio:.3f}")


def _kinds(folder: Path, key: str) -> dict[str, dict[str, str]]:
    """Return the settings of each server."""
    issued = trustme.CA().issue_cert(HOST)
    files = {name: str(folder / f"{name}.pem") for name in ("TLS_CERTIFICATE", "TLS_KEY")}
    issued.cert_chain_pems[0].write_to_path(files["TLS_CERTIFICATE"])
    issued.private_key_pem.write_to_path(files["TLS_KEY"])
    entry = entry_of(key, "load", ["predict"]).model_dump()
    return {"open": {}, "keys": {"KEYS": json.dumps([entry])}, "tls": files}


@contextmanager
def _serving(folder: Path, kind: str, settings: dict[str, str]) -> Iterator[str]:
    """Serve, and give the URL of an endpoint."""
    port, log = free_port(), folder / f"{kind}.log"
    environment = {"WORKERS": "1", "GRPC_HOST": HOST, "GRPC_PORT": str(free_port())} | settings
    command = [str(Path(sys.executable).with_name("bentoml")), "serve", "service:Trident"]
    with log.open("wb") as output:
        process = subprocess.Popen(  # noqa: S603 - the command is made here, of fixed parts
            [*command, "--host", HOST, "--port", str(port)],
            cwd=ROOT,
            env=os.environ
            | {"BENTOML_HOME": str(folder / kind), "BENTOML_DO_NOT_TRACK": "True"}
            | {f"TRIDENT_{name}": value for name, value in environment.items()},
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        give_up = time.monotonic() + _READY_SECONDS
        while _WARM not in log.read_text():
            if process.poll() is not None or time.monotonic() > give_up:
                raise click.ClickException(f"the server didn't start:\n{log.read_text()}")
            time.sleep(0.1)
        yield f"{'https' if kind == 'tls' else 'http'}://{HOST}:{port}/classify"
    finally:
        process.terminate()
        process.wait()


def _rate(url: str, script: Path, connections: int, seconds: int) -> float:
    """Return how many requests a second are answered. Raises click.ClickException."""
    load = ["--threads", "1", "--connections", str(connections), "--duration", f"{seconds}s"]
    printed = run_tool(["wrk", *load, "--script", str(script), url], seconds)
    rate = re.search(r"^Requests/sec:\s+([\d.]+)$", printed, re.MULTILINE)
    if rate is None or "Non-2xx" in printed:
        raise click.ClickException(f"not all was answered:\n{printed}")
    return float(rate[1])


if __name__ == "__main__":
    main()
