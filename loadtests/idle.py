"""What idle connections cost a worker: `python -m loadtests.idle`."""

import asyncio
import http.client
import resource
import statistics
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

import click
import psutil

from loadtests.bench.errors import BenchError
from loadtests.bench.requests import HOST
from loadtests.bench.servers import ROOT, Trident
from loadtests.command_line import begin
from service.transport.http2.frames import PREFACE, SETTINGS, frame

_GREETING = PREFACE + frame(SETTINGS, 0, 0)
_ASK = b"GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n"
_SETTLE_SECONDS = 2.0
_PROBES = 50


class _Server(Trident):
    """One worker, which keeps silent connections for ten minutes."""

    _options = ("--timeout-keep-alive", "600")

    def _environment(self, models: Path) -> Mapping[str, str]:
        changes = {"TRIDENT_WORKERS": "1", "TRIDENT_HEADER_TIMEOUT": "600"}
        return {**super()._environment(models), **changes}

    def worker(self) -> psutil.Process:
        """Return the worker's process."""
        return max(self.tree.processes(), key=lambda process: process.memory_info().rss)


@click.command()
@click.option("--connections", type=click.IntRange(1), default=10_000, show_default=True)
@click.option("--protocol", type=click.Choice(["http", "grpc"]), default="http", show_default=True)
@click.option("--silent", is_flag=True, help="Send nothing: no request, no greeting.")
def main(connections: int, protocol: str, *, silent: bool) -> None:
    """Open idle connections, and measure a worker's memory, and its latency beside them."""
    begin()
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    try:
        with tempfile.TemporaryDirectory() as name, _Server(ROOT / "models", Path(name)) as server:
            server.wait_until_ready()
            server.wait_until_warm()
            asyncio.run(_measure(server, connections, protocol, silent=silent))
    except BenchError as error:
        raise click.ClickException(str(error)) from error


async def _measure(server: _Server, count: int, protocol: str, *, silent: bool) -> None:
    port, said = (server.port, _ASK) if protocol == "http" else (server.grpc_port, _GREETING)
    worker = server.worker()
    alone, before = _latency(server.port), worker.memory_info().rss
    writers = []
    for _ in range(count):
        reader, writer = await asyncio.open_connection(HOST, port)
        writers.append(writer)
        if not silent:
            writer.write(said)
            await reader.read(1)
    await asyncio.sleep(_SETTLE_SECONDS)
    each = (worker.memory_info().rss - before) / count
    beside = await asyncio.to_thread(_latency, server.port)
    kept = len([c for c in worker.net_connections("tcp") if c.status == psutil.CONN_ESTABLISHED])
    click.echo(
        f"{protocol}: {count} idle connections, {kept} kept: {each:.0f} bytes each; a request "
        f"takes {1e3 * alone:.2f} ms alone and {1e3 * beside:.2f} ms beside them (medians)"
    )
    for writer in writers:
        writer.transport.abort()


def _latency(port: int) -> float:
    """Return the median time of a request on a new connection, in seconds."""
    times = []
    for _ in range(_PROBES):
        started = time.perf_counter()
        connection = http.client.HTTPConnection(HOST, port, timeout=30)
        connection.request("GET", "/livez")
        if connection.getresponse().status != 200:
            sys.exit("the server doesn't answer")
        connection.close()
        times.append(time.perf_counter() - started)
    return statistics.median(times)


if __name__ == "__main__":
    main()
