"""The results of a benchmark, as they are written to JSON."""

import platform
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import psutil

from loadtests.bench.figures import Load, Measurement
from loadtests.bench.plan import Plan
from service.settings import CORES

_LOOK_SECONDS = 5  # how long the machine is watched before anything starts
_LIBRARIES = ("bentoml", "grpcio", "keras", "numpy", "pillow", "uvicorn", "uvloop")


@dataclass(frozen=True, slots=True)
class Machine:
    """Where it was measured."""

    cores: int
    processor: str
    system: str
    python: str
    libraries: dict[str, str]


@dataclass(frozen=True, slots=True)
class ColdStart:
    """Seconds from a server's start to /readyz, and to one answer of each endpoint. Medians."""

    ready: float
    answered: float


@dataclass(frozen=True, slots=True)
class Memory:
    """Bytes, resident: of a process that only loads the models, and of each server's worker.

    `loaded_total` is of all processes of each server, shared pages counted once.
    """

    bare: int
    warm_worker: dict[str, int]
    loaded_worker: dict[str, int]
    loaded_total: dict[str, int]


@dataclass(frozen=True, slots=True)
class BesidePhotos:
    """Small requests alone and while photos are sent, and the photos. Medians.

    The processor time can't be divided between the loads, which run at the same time.
    """

    alone: Measurement
    beside: Measurement
    photos: Measurement


@dataclass(slots=True)
class Results:
    """All results; parts that weren't measured are empty.

    `foreign_load` is the share of the machine that other programs used before the benchmark began.
    """

    plan: Plan
    machine: Machine
    date: str
    foreign_load: float = 0.0
    accuracy: dict[str, float] = field(default_factory=dict)
    measurements: list[Measurement] = field(default_factory=list)
    photos: dict[str, BesidePhotos] = field(default_factory=dict)
    ceiling: dict[str, float] = field(default_factory=dict)
    cold_start: dict[str, ColdStart] = field(default_factory=dict)
    memory: Memory | None = None

    def find(self, load: Load) -> Measurement | None:
        """Return what was measured under a load, or None."""
        return next((found for found in self.measurements if found.load == load), None)

    def closed(self, server: str, endpoint: str, concurrency: int) -> Measurement | None:
        """Return what was measured in closed loop over HTTP, or None."""
        return self.find(Load(server, endpoint, "http", concurrency=concurrency))


def new_results(plan: Plan) -> Results:
    """Return empty results for this machine and today; measure how busy the machine is."""
    today = datetime.now(UTC).date().isoformat()
    machine = _describe_machine()
    return Results(plan, machine, today, psutil.cpu_percent(_LOOK_SECONDS) / 100)


def _describe_machine() -> Machine:
    libraries = {name: version(name) for name in _LIBRARIES} | {"tensorflow": _tensorflow()}
    return Machine(CORES, _processor(), platform.system(), platform.python_version(), libraries)


def _tensorflow() -> str:
    import tensorflow as tf

    return str(tf.__version__)


def _processor() -> str:
    information = Path("/proc/cpuinfo")
    if information.is_file():
        for line in information.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()
