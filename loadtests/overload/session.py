"""A run: what a server can do, and what becomes of it when more is asked of it."""

import os
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from loadtests.bench.servers import ROOT, Trident
from loadtests.overload.flood import Order, Outcome, Phase, run_flood
from loadtests.overload.wires import STREAMS

FACTORS: Final = (1, 2, 5, 10)
"""Loads, as multiples of what a closed loop reaches."""
PROTOCOLS: Final = ("http", "grpc")
CLOSED_LOOP: Final = 64  # requests at a time
FLOOD: Final = 1000  # requests at a time, at most
AFTER_SECONDS: Final = 4.0
AFTER_SHARE: Final = 0.3  # of the capacity, after a flood
SINGLES_SHARE: Final = 0.2
LARGE_CLIENTS: Final = 4
LARGE_ITEMS: Final = 256


@dataclass(frozen=True, slots=True)
class Step:
    """A load and what became of it, while it lasted and afterwards.

    `memory` is that of the worker after it, in bytes; `cpu_share` what the load used of a core.
    `per_core_second` is how many good answers the server gave for each second of processor time
    that it used: on a machine that does other work too, this is the more reliable figure.
    """

    protocol: str
    factor: float
    during: Outcome
    after: Outcome
    memory: int
    cpu_share: float
    per_core_second: float


@dataclass(frozen=True, slots=True)
class Run:
    """All that was measured.

    Attributes:
        capacity: what a closed loop reached, by protocol.
        steps: the floods.
        returns: by the part of the told time after which refused requests come again.
        alone, beside: requests of one input, alone and beside clients of large requests.
        memory: of the worker before the floods, in bytes.
        separate: whether the server had a core of its own, and the load another.
    """

    task: str
    capacity: Mapping[str, Outcome]
    steps: list[Step]
    returns: Mapping[float, Outcome]
    alone: Outcome
    beside: Outcome
    memory: int
    separate: bool


class OverloadServer(Trident):
    """A server of one worker, on the first core if there are two."""

    def __init__(self, folder: Path) -> None:
        """Start it with the shipped models."""
        with _on_core(0):
            super().__init__(ROOT / "models", folder)
        self._workers = 1

    def _environment(self, models: Path) -> Mapping[str, str]:
        return {**super()._environment(models), "TRIDENT_WORKERS": "1"}

    def order(self, protocol: str, task: str, at_a_time: int, *phases: Phase) -> Order:
        """Return the order for a generator of one protocol, on the other cores."""
        port = self.port if protocol == "http" else self.grpc_port
        connections = at_a_time if protocol == "http" else max(1, at_a_time // STREAMS)
        return Order(protocol, port, task, connections, list(phases), cores=_other_cores())


def run_overload(task: str, seconds: float, say: Callable[[str], None]) -> Run:
    """Start a server, and flood it.

    Args:
        task: "classify", "sentiment" or "embed".
        seconds: how long each load lasts.
        say: is told how far it is.

    Raises:
        ServerFailedError, LoadFailedError: as their names say.
    """
    with (
        tempfile.TemporaryDirectory(prefix="trident-overload-") as name,
        OverloadServer(Path(name)) as server,
    ):
        say("Starting a server.")
        server.wait_until_ready()
        server.wait_until_warm()
        capacity = {protocol: _capacity(server, protocol, task, seconds) for protocol in PROTOCOLS}
        for protocol, found in capacity.items():
            say(f"{protocol}: {found.goodput:.0f} requests/s in a closed loop.")
        memory = server.tree.largest_memory()
        steps = [
            _flood(server, protocol, task, capacity[protocol], factor, seconds, say)
            for protocol in PROTOCOLS
            for factor in FACTORS
        ]
        say("Refused requests come again.")
        returns = {part: _returning(server, task, capacity["grpc"], part) for part in (1.0, 0.25)}
        say("Large requests beside single ones.")
        rate = SINGLES_SHARE * capacity["http"].goodput
        alone = _singles(server, task, rate, seconds)
        with ThreadPoolExecutor(1) as threads:
            large = server.order("http", task, LARGE_CLIENTS, Phase(0, seconds + 2))
            beside = threads.submit(run_flood, replace(large, items=LARGE_ITEMS))
            both = _singles(server, task, rate, seconds)
            beside.result()
    return Run(task, capacity, steps, returns, alone, both, memory, bool(_other_cores()))


def _capacity(server: OverloadServer, protocol: str, task: str, seconds: float) -> Outcome:
    order = server.order(protocol, task, CLOSED_LOOP, Phase(0, seconds))
    return run_flood(order).outcomes[0]


def _flood(
    server: OverloadServer,
    protocol: str,
    task: str,
    capacity: Outcome,
    factor: float,
    seconds: float,
    say: Callable[[str], None],
) -> Step:
    rate = factor * capacity.goodput
    phases = Phase(rate, seconds), Phase(AFTER_SHARE * capacity.goodput, AFTER_SECONDS)
    order = server.order(protocol, task, FLOOD, *phases)
    cpu = server.tree.cpu_seconds()
    result = run_flood(replace(order, slow=2 * capacity.p99))
    cpu = server.tree.cpu_seconds() - cpu
    during, after = result.outcomes
    say(f"{protocol}, {factor} times: {during.goodput:.0f} good answers/s.")
    memory = server.tree.largest_memory()
    efficiency = (during.good + after.good) / cpu
    return Step(protocol, factor, during, after, memory, result.cpu_share, efficiency)


def _returning(server: OverloadServer, task: str, capacity: Outcome, part: float) -> Outcome:
    """Send half as much again as the server can answer, for a moment; the refused come again."""
    burst = Phase(3 * capacity.goodput, 1.0, returns=part)
    order = server.order("grpc", task, FLOOD, burst, Phase(1.0, AFTER_SECONDS))
    return run_flood(order).outcomes[0]


def _singles(server: OverloadServer, task: str, rate: float, seconds: float) -> Outcome:
    return run_flood(server.order("http", task, FLOOD, Phase(rate, seconds))).outcomes[0]


@contextmanager
def _on_core(number: int) -> Iterator[None]:
    """Run on one core; what is started meanwhile stays there."""
    if not _other_cores():
        yield
        return
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {sorted(before)[number]})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def _other_cores() -> list[int]:
    """Return the cores for the load; none if there is only one, or they can't be chosen."""
    return sorted(os.sched_getaffinity(0))[1:] if sys.platform == "linux" else []
