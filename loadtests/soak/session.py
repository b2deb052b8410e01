"""A soak: a server under mixed traffic, while versions come and go and a worker is killed."""

import http.client
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import psutil

from loadtests.bench.errors import ServerFailedError
from loadtests.bench.process_tree import ProcessTree
from loadtests.bench.requests import HOST
from loadtests.bench.servers import ROOT
from loadtests.models import copy_models
from loadtests.soak.figures import Reading, WorkerState
from loadtests.soak.load import command
from loadtests.swaps.figures import Load, Span, read_load
from loadtests.swaps.releases import Releases
from loadtests.swaps.session import SwapServer, is_worker

MODEL: Final = "digits"
KILL_AT: Final = 20.0
"""Seconds after the start of the load at which a worker is killed."""
RECOVERY_SECONDS: Final = 10.0
"""For so long after that, requests to the killed worker may fail."""
FIRST_SWAP_AT: Final = 35.0
SERIES_AT: Final = 60.0
"""From then on `/metrics` may have no new series."""
SWAP_SECONDS: Final = 60.0
"""Between two swaps."""
WARM_SHARE: Final = 0.25
"""The part of the time that is the warm-up."""
SPAN_SHARE: Final = 0.15
"""The part of the time over which a figure is taken, after the warm-up and at the end."""
_READ_SECONDS: Final = 2.0


@dataclass(slots=True)
class Soak:
    """All that a soak has measured."""

    seconds: float
    rate: float
    load: Load
    readings: list[Reading]
    started: float
    killed: float
    swaps: int
    new_series: list[str]
    log_errors: list[str]

    @property
    def early(self) -> Span:
        """The span after the warm-up."""
        begin = self.started + WARM_SHARE * self.seconds
        return begin, begin + SPAN_SHARE * self.seconds

    @property
    def late(self) -> Span:
        """The span at the end."""
        end = self.started + self.seconds
        return end - SPAN_SHARE * self.seconds, end


@dataclass(slots=True)
class _Progress:
    """What has happened so far."""

    readings: list[Reading] = field(default_factory=list)
    swaps: int = 0
    killed: float = 0.0
    series: set[str] = field(default_factory=set)


def run_soak(seconds: float, rate: float, say: Callable[[str], None]) -> Soak:
    """Start a server, and keep traffic on it for so many seconds.

    Raises:
        ServerFailedError: the server didn't start, or it or the load ended early.
    """
    with tempfile.TemporaryDirectory(prefix="trident-soak-") as name:
        folder = Path(name)
        models = copy_models(ROOT / "models", folder / "models")
        with SwapServer(models, folder) as server:
            say("Starting a server.")
            server.wait_until_ready()
            server.wait_until_warm()
            say(f"{seconds / 60:.0f} minutes at {rate:.0f} requests/s.")
            output = folder / "load.npz"
            arguments = command(server.port, server.grpc_port, rate, output)
            log = output.with_suffix(".log")
            with ProcessTree(arguments, folder=ROOT, environment={}, log=log) as generator:
                started = time.monotonic()
                progress = _drive(server, Releases(models, MODEL), generator, started, seconds, say)
                new_series = sorted(_series(server) - progress.series)
        return Soak(
            seconds=seconds,
            rate=rate,
            load=read_load(output),
            readings=progress.readings,
            started=started,
            killed=progress.killed,
            swaps=progress.swaps,
            new_series=new_series,
            log_errors=_errors(server.tree.log),
        )


def _drive(
    server: SwapServer,
    releases: Releases,
    generator: ProcessTree,
    started: float,
    seconds: float,
    say: Callable[[str], None],
) -> _Progress:
    """Let happen what is to happen, and read what the workers hold."""
    progress = _Progress()
    next_swap, next_word = started + FIRST_SWAP_AT, started
    while (now := time.monotonic()) < started + seconds:
        if not generator.alive:
            raise ServerFailedError(f"The load has ended:\n{generator.log[-2000:]}")
        progress.readings.append(Reading(now, _states(server)))
        if not progress.killed and now >= started + KILL_AT:
            progress.killed = now
            _workers(server)[0].kill()
        if now >= next_swap:
            next_swap += SWAP_SECONDS
            _swap(releases, comes=progress.swaps % 2 == 0)
            progress.swaps += 1
        if not progress.series and now >= started + SERIES_AT:
            progress.series = _series(server)
        if now >= next_word:
            next_word += 60.0
            say(f"{(now - started) / 60:.0f} min: {_described(progress.readings[-1])}")
        time.sleep(_READ_SECONDS)
    return progress


def _swap(releases: Releases, *, comes: bool) -> None:
    """Let a second version come, or go again: so the metrics always have the same series."""
    if comes:
        releases.copy_next(card_first=False)
    else:
        releases.remove_newest()


def _workers(server: SwapServer) -> list[psutil.Process]:
    return [process for process in server.tree.processes() if is_worker(process)]


def _states(server: SwapServer) -> tuple[WorkerState, ...]:
    states = []
    for process in _workers(server):
        try:
            states.append(
                WorkerState(
                    process.pid,
                    process.memory_full_info().uss,
                    process.num_fds(),
                    process.num_threads(),
                )
            )
        except psutil.Error:  # it has just ended
            continue
    return tuple(states)


def _series(server: SwapServer) -> set[str]:
    """Return the names of all series in `/metrics`, with their labels."""
    connection = http.client.HTTPConnection(HOST, server.port, timeout=30)
    connection.request("GET", "/metrics")
    lines = connection.getresponse().read().decode().splitlines()
    connection.close()
    return {line.rpartition(" ")[0] for line in lines if not line.startswith("#")}


def _errors(log: str) -> list[str]:
    """Return the lines of the log that tell of a defect."""
    return [line for line in log.splitlines() if "Traceback" in line or "Task exception" in line]


def _described(reading: Reading) -> str:
    return "; ".join(
        f"{state.memory / 1e6:.0f} MB, {state.descriptors} descriptors, {state.threads} threads"
        for state in reading.workers
    )
