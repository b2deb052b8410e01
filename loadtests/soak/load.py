"""The load of a soak: good requests of all tasks over both protocols, and hostile ones.

It runs in a process of its own until it gets SIGTERM, then writes what it has seen.
"""

import asyncio
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import click

from loadtests.clients.samples import TASKS, read_samples
from loadtests.soak.hostile import HostileCaller, HostileGrpcCaller
from loadtests.swaps.callers import Caller, GrpcCaller, HttpCaller
from loadtests.swaps.generator import Recorder, make_loop, run_generator

_HTTP_CONNECTIONS: Final = 8  # for each task
_GRPC_CHANNELS: Final = 4


def make_callers(http_port: int, grpc_port: int) -> Sequence[Caller]:
    """Return two callers for each task, one for each protocol, and two hostile ones."""
    callers: list[Caller] = [HostileCaller(http_port), HostileGrpcCaller(grpc_port)]
    for task in TASKS:
        inputs = [sample.data for sample in read_samples(task)]
        callers += [
            HttpCaller(http_port, task, inputs, _HTTP_CONNECTIONS),
            GrpcCaller(grpc_port, task, inputs, _GRPC_CHANNELS),
        ]
    return callers


async def _main(http_port: int, grpc_port: int, rate: float) -> Recorder:
    return await run_generator(make_callers(http_port, grpc_port), rate)


def command(http_port: int, grpc_port: int, rate: float, output: Path) -> list[str]:
    """Return the command that runs the load in a process of its own."""
    arguments: tuple[Any, ...] = (http_port, grpc_port, rate, output)
    return [sys.executable, "-m", __name__, *map(str, arguments)]


@click.command()
@click.argument("http_port", type=int)
@click.argument("grpc_port", type=int)
@click.argument("rate", type=float)
@click.argument("output", type=click.Path(path_type=Path))
def main(http_port: int, grpc_port: int, rate: float, output: Path) -> None:
    """Send RATE requests a second until SIGTERM, then write OUTPUT."""
    wall, cpu = time.monotonic(), time.process_time()
    with asyncio.Runner(loop_factory=make_loop) as runner:
        recorder = runner.run(_main(http_port, grpc_port, rate))
    recorder.write(output, (time.process_time() - cpu) / (time.monotonic() - wall))


if __name__ == "__main__":
    main()
