"""Requests lost when a worker is killed: `python -m loadtests.deaths`.

It starts a server of two workers and kills one of them again and again, with SIGKILL, while clients
of both protocols ask in a closed loop. Half of them keep their connections, the others open one for
each request, so that connections also wait to be accepted when a worker dies.
"""

import asyncio
import shutil
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Final

import click
import psutil

from loadtests.bench.servers import ROOT
from loadtests.clients.samples import read_samples
from loadtests.command_line import begin
from loadtests.swaps.callers import Caller, FailedRequestError, GrpcCaller, HttpCaller
from loadtests.swaps.session import WORKERS, SwapServer

_CLIENTS: Final = 8  # of each of the four kinds
_POLL: Final = 0.01  # seconds
_QUIET: Final = 1.0  # seconds of load before each death


@dataclass(slots=True)
class Seen:
    """What the clients of one kind have got."""

    answered: int = 0
    lost: Counter[str] = field(default_factory=Counter)


@click.command()
@click.option("--deaths", type=click.IntRange(1), default=4, show_default=True)
def main(deaths: int) -> None:
    """Count the requests that are lost when a worker is killed."""
    begin()
    with tempfile.TemporaryDirectory(prefix="trident-deaths-") as name:
        folder = Path(name)
        models = Path(shutil.copytree(ROOT / "models", folder / "models"))
        with SwapServer(models, folder) as server:
            server.wait_until_ready()
            server.wait_until_warm()
            asyncio.run(_kill_under_load(server, deaths))


async def _kill_under_load(server: SwapServer, deaths: int) -> None:
    kinds = {
        f"{protocol}, {how}": Seen() for protocol in ("HTTP", "gRPC") for how in ("kept", "new")
    }
    clients = [
        asyncio.create_task(_ask_on(server, kind, seen))
        for kind, seen in kinds.items()
        for _ in range(_CLIENTS)
    ]
    for number in range(1, deaths + 1):
        await asyncio.sleep(_QUIET)
        replaced, ready = await _kill_one(server)
        click.echo(f"death {number}: replaced after {replaced:.2f} s, ready after {ready:.1f} s")
    await asyncio.sleep(_QUIET)
    for client in clients:
        client.cancel()
    await asyncio.gather(*clients, return_exceptions=True)
    for kind, seen in kinds.items():
        click.echo(f"{kind}: {seen.answered} answered, {seen.lost.total()} lost {dict(seen.lost)}")


async def _kill_one(server: SwapServer) -> tuple[float, float]:
    """Kill a worker; return the seconds until another was started, and until it was ready."""
    before = {process.pid: process for process in _workers(server)}
    lines = server.lines("ready: gRPC")
    next(iter(before.values())).kill()
    died = time.monotonic()
    replaced = await _wait(lambda: bool({p.pid for p in _workers(server)} - before.keys()))
    ready = await _wait(lambda: server.lines("ready: gRPC") > lines)
    return replaced - died, ready - died


async def _wait(condition: Callable[[], bool]) -> float:
    """Return the time at which the condition holds."""
    while not condition():  # noqa: ASYNC110 - another process does it
        await asyncio.sleep(_POLL)
    return time.monotonic()


def _workers(server: SwapServer) -> list[psutil.Process]:
    return server.tree.processes()[1 : WORKERS + 1]


async def _ask_on(server: SwapServer, kind: str, seen: Seen) -> None:
    """Ask in a closed loop, over one connection or one for each request."""
    task = "classify"
    inputs = [sample.data for sample in read_samples(task)]

    def connect() -> Caller:
        if kind.startswith("HTTP"):
            return HttpCaller(server.port, task, inputs, 1)
        return GrpcCaller(server.grpc_port, task, inputs, 1)

    caller = connect()
    try:
        for number in count():
            if kind.endswith("new"):
                await caller.close()
                caller = connect()
            try:
                await caller.ask(number)
                seen.answered += 1
            except (FailedRequestError, TimeoutError) as error:
                seen.lost[str(error).partition(":")[2][:60] or "time-out"] += 1
    finally:
        await caller.close()


if __name__ == "__main__":
    main()
