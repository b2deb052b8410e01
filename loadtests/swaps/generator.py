"""The load: requests of both protocols, and which version answered each of them.

It runs in a process of its own until it gets SIGTERM, then writes what it has seen. The times are
those of `time.monotonic()`, which is one clock for all processes of a machine.
"""

import asyncio
import json
import random
import selectors
import signal
import sys
import time
from array import array
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import click
import numpy as np

from loadtests.clients.samples import TASKS, read_samples
from loadtests.swaps.callers import Caller, FailedRequestError, GrpcCaller, HttpCaller

HTTP_CONNECTIONS: Final = 32
GRPC_CHANNELS: Final = 8
CLOSED_LOOP_CALLERS: Final = 32
MOST_WAITING: Final = 5_000
"""Requests in progress. One that is due beside so many isn't sent, and counts as failed."""


@dataclass
class Recorder:
    """What is known of each request, in seconds."""

    due: "array[float]" = field(default_factory=lambda: array("d"))
    latency: "array[float]" = field(default_factory=lambda: array("d"))
    lateness: "array[float]" = field(default_factory=lambda: array("d"))
    version: "array[int]" = field(default_factory=lambda: array("q"))
    failures: list[tuple[float, str]] = field(default_factory=list)
    went_back: int = 0
    """Answers by an older version than one that had answered before the request was sent."""
    newest: int = 0

    async def ask(self, caller: Caller, number: int, due: float) -> None:
        """Send one request, and note what becomes of it; `due` is when it should be sent."""
        seen = self.newest
        sent = time.monotonic()
        try:
            version = await caller.ask(number)
        except FailedRequestError as error:
            self.failures.append((due, str(error)))
            return
        self.due.append(due)
        self.lateness.append(sent - due)
        self.latency.append(time.monotonic() - due)
        self.version.append(version)
        self.went_back += version < seen
        self.newest = max(self.newest, version)

    def write(self, path: Path, cpu_share: float) -> None:
        """Write it as an .npz file, which `read_load` reads."""
        more = {
            "failures": self.failures,
            "went_back": self.went_back,
            "lateness": float(np.percentile(self.lateness or [0.0], 99)),
            "cpu_share": cpu_share,
        }
        np.savez(
            path,
            due=np.array(self.due),
            latency=np.array(self.latency),
            version=np.array(self.version),
            more=np.array(json.dumps(more)),
        )


class Generator:
    """Callers of both protocols, and the loops that drive them."""

    def __init__(self, callers: Sequence[Caller], seed: int = 0) -> None:
        """Draw a caller for each request, all with the same probability."""
        self._callers = callers
        self._draw = random.Random(seed)  # noqa: S311 - a simulation, not a secret
        self._stopping = asyncio.Event()
        self.recorder = Recorder()

    def stop(self) -> None:
        """Send nothing more."""
        self._stopping.set()

    async def run(self, rate: float) -> None:
        """Send requests until `stop`, `rate` a second at random times; with 0 in a closed loop."""
        if rate:
            await self._send_at(rate)
        else:
            await asyncio.gather(*map(self._send_in_turn, range(CLOSED_LOOP_CALLERS)))
        for caller in self._callers:
            await caller.close()

    async def _send_at(self, rate: float) -> None:
        due, number = time.monotonic(), 0
        running: set[asyncio.Task[None]] = set()
        while not self._stopping.is_set():
            due, number = due + self._draw.expovariate(rate), number + 1
            await asyncio.sleep(max(0.0, due - time.monotonic()))
            if len(running) >= MOST_WAITING:
                self.recorder.failures.append((due, f"not sent: {MOST_WAITING} requests wait"))
                continue
            caller = self._draw.choice(self._callers)
            task = asyncio.create_task(self.recorder.ask(caller, number, due))
            running.add(task)
            task.add_done_callback(running.discard)
        await asyncio.gather(*running)

    async def _send_in_turn(self, number: int) -> None:
        caller = self._callers[number % len(self._callers)]
        while not self._stopping.is_set():
            number += len(self._callers)
            await self.recorder.ask(caller, number, time.monotonic())


async def run_generator(callers: Sequence[Caller], rate: float) -> Recorder:
    """Send `rate` requests a second (with 0: in a closed loop) until SIGTERM."""
    generator = Generator(callers)
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, generator.stop)
    await generator.run(rate)
    return generator.recorder


def make_loop() -> asyncio.AbstractEventLoop:
    """Return a loop that waits to the microsecond; the usual one rounds up to the millisecond."""
    return asyncio.SelectorEventLoop(selectors.SelectSelector())


async def _main(http_port: int, grpc_port: int, task: str, rate: float) -> Recorder:
    inputs = [sample.data for sample in read_samples(task)]
    callers: Sequence[Caller] = (
        HttpCaller(http_port, task, inputs, HTTP_CONNECTIONS),
        GrpcCaller(grpc_port, task, inputs, GRPC_CHANNELS),
    )
    return await run_generator(callers, rate)


def command(http_port: int, grpc_port: int, task: str, rate: float, output: Path) -> list[str]:
    """Return the command that runs the load in a process of its own."""
    arguments: tuple[Any, ...] = (http_port, grpc_port, task, rate, output)
    return [sys.executable, "-m", __name__, *map(str, arguments)]


@click.command()
@click.argument("http_port", type=int)
@click.argument("grpc_port", type=int)
@click.argument("task", type=click.Choice(TASKS))
@click.argument("rate", type=float)
@click.argument("output", type=click.Path(path_type=Path))
def main(http_port: int, grpc_port: int, task: str, rate: float, output: Path) -> None:
    """Send RATE requests a second until SIGTERM, then write OUTPUT."""
    wall, cpu = time.monotonic(), time.process_time()
    with asyncio.Runner(loop_factory=make_loop) as runner:
        recorder = runner.run(_main(http_port, grpc_port, task, rate))
    recorder.write(output, (time.process_time() - cpu) / (time.monotonic() - wall))


if __name__ == "__main__":
    main()
