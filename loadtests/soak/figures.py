"""What is measured of a soak, and its arithmetic. Times are those of `time.monotonic()`."""

import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from loadtests.bench.figures import percentile
from loadtests.swaps.figures import Load, Span


@dataclass(frozen=True, slots=True)
class WorkerState:
    """What a worker holds: its own memory (USS) in bytes, open descriptors, threads."""

    pid: int
    memory: int
    descriptors: int
    threads: int


@dataclass(frozen=True, slots=True)
class Reading:
    """What the workers held at a time."""

    at: float
    workers: tuple[WorkerState, ...]


@dataclass(frozen=True, slots=True)
class Change:
    """A figure after the warm-up and at the end, each the median over a span of time."""

    name: str
    before: float
    after: float

    @property
    def ratio(self) -> float:
        """How many times as large it is at the end."""
        return self.after / self.before if self.before else float(self.after > 0) + 1


def changes(readings: Sequence[Reading], load: Load, early: Span, late: Span) -> list[Change]:
    """Return what changed from the early span to the late one.

    Memory in bytes, latencies of good requests in milliseconds.
    """
    kinds: dict[str, Callable[[WorkerState], float]] = {
        "memory": lambda state: state.memory,
        "descriptors": lambda state: state.descriptors,
        "threads": lambda state: state.threads,
    }
    found = [
        Change(f"{kind} of worker {pid}", *(_median(readings, pid, read, s) for s in (early, late)))
        for pid in _throughout(readings, early, late)
        for kind, read in kinds.items()
    ]
    for name, share in {"p50": 0.5, "p99": 0.99}.items():
        found.append(Change(name, *(_latency(load, share, span) for span in (early, late))))
    return found


def lost_at(load: Load, spans: Sequence[Span]) -> tuple[list[str], list[str]]:
    """Return the failures that were due in these spans, and all others."""
    inside: list[str] = []
    outside: list[str] = []
    for due, reason in load.failures:
        expected = any(start <= due < end for start, end in spans)
        (inside if expected else outside).append(reason)
    return inside, outside


def _throughout(readings: Sequence[Reading], early: Span, late: Span) -> list[int]:
    """Return the workers that were there in both spans."""
    early_ones, late_ones = (
        {state.pid for reading in _within(readings, span) for state in reading.workers}
        for span in (early, late)
    )
    return sorted(early_ones & late_ones)


def _within(readings: Sequence[Reading], span: Span) -> list[Reading]:
    return [reading for reading in readings if span[0] <= reading.at < span[1]]


def _median(
    readings: Sequence[Reading], pid: int, read: Callable[[WorkerState], float], span: Span
) -> float:
    inside = _within(readings, span)
    return statistics.median(read(w) for reading in inside for w in reading.workers if w.pid == pid)


def _latency(load: Load, share: float, span: Span) -> float:
    good = load.version > 0
    inside = good & (span[0] <= load.due) & (load.due < span[1])
    found = (1e3 * load.latency[inside]).tolist()
    return percentile(found, share) if found else float(np.nan)
