"""What is measured of a run of swaps, and its arithmetic. Times are those of `time.monotonic()`."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from loadtests.bench.figures import percentile

Span = tuple[float, float]
"""From when until when, in seconds."""


@dataclass(frozen=True, slots=True)
class Swap:
    """One swap, and when each step of it was over."""

    version: int
    card_first: bool
    copied: float
    """The last byte of the new version was there."""
    live: float
    """It had answered over both protocols."""
    settled: float
    """Both workers had timed its programs and freed the version before it."""
    quiet_end: float
    """The quiet time was over."""


@dataclass(frozen=True, slots=True)
class WorkerMemory:
    """A worker's memory in bytes: its share of shared pages counted (PSS), or not at all (USS)."""

    pid: int
    pss: int
    uss: int
    rss: int


@dataclass(frozen=True, slots=True)
class MemoryPoint:
    """The memory of all workers after so many swaps."""

    swaps: int
    workers: tuple[WorkerMemory, ...]


@dataclass(frozen=True, slots=True)
class Load:
    """What the generator has seen: of each answered request when it was due, and so on.

    `lateness` is how late requests were sent (99th percentile, seconds), `cpu_share` the part of a
    core that the generator used.
    """

    due: NDArray[np.float64]
    latency: NDArray[np.float64]
    version: NDArray[np.int64]
    failures: Sequence[tuple[float, str]]
    went_back: int
    lateness: float
    cpu_share: float

    @property
    def rate(self) -> float:
        """Answers a second."""
        return len(self.due) / max(float(np.ptp(self.due)), 1e-9) if len(self.due) else 0.0


@dataclass(frozen=True, slots=True)
class Latency:
    """The latency of the requests that were due in some spans of time, in milliseconds."""

    requests: int
    p50: float
    p99: float
    p999: float
    most: float


def read_load(path: Path) -> Load:
    """Read what the generator has written."""
    with np.load(path) as content:
        more: dict[str, Any] = json.loads(str(content["more"]))
        return Load(content["due"], content["latency"], content["version"], **more)


def latency_in(load: Load, spans: Iterable[Span]) -> Latency | None:
    """Return the latency of the requests that were due in any of these spans; None without any."""
    inside = np.zeros(len(load.due), dtype=bool)
    for start, end in spans:
        inside |= (start <= load.due) & (load.due < end)
    found = (1e3 * load.latency[inside]).tolist()
    if not found:
        return None
    p50, p99, p999 = (percentile(found, share) for share in (0.5, 0.99, 0.999))
    return Latency(len(found), p50, p99, p999, max(found))


def first_answers(load: Load, swaps: Sequence[Swap]) -> list[float]:
    """Return for each swap the seconds from its last byte to the first answer by its version.

    NaN if the generator never got one.
    """
    answered = load.due + load.latency
    times = (answered[load.version == swap.version] - swap.copied for swap in swaps)
    return [float(found.min()) if len(found) else float("nan") for found in times]


def growth(points: Sequence[MemoryPoint]) -> dict[int, float]:
    """Return the bytes of USS by which a swap makes each worker larger, by its process id.

    It is the slope of the line through all points (least squares). A worker that wasn't there all
    the time is left out, and nothing is returned if there is only one point.
    """
    curves: dict[int, list[tuple[int, int]]] = {}
    for point in points:
        for worker in point.workers:
            curves.setdefault(worker.pid, []).append((point.swaps, worker.uss))
    whole = {pid: curve for pid, curve in curves.items() if len(curve) == len(points) > 1}
    return {pid: _slope(curve) for pid, curve in whole.items()}


def _slope(curve: Sequence[tuple[int, int]]) -> float:
    swaps, memory = np.array(curve, dtype=np.float64).T
    return float(np.polyfit(swaps, memory, 1)[0])
