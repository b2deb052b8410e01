"""The metrics of all worker processes together, in Prometheus's text format.

Each process writes its figures to files in the folder PROMETHEUS_MULTIPROC_DIR.
"""

import os
import struct
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TypeVar

import psutil
from prometheus_client import REGISTRY, CollectorRegistry, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector

_TRIES = 5  # to read the files of all workers

_T = TypeVar("_T")


def render_metrics() -> bytes:
    """Return all metrics in Prometheus's text format, summed over the worker processes.

    Call `flush_buffers` first, on the event loop; this may run in a thread.
    """
    folder = os.environ.get("PROMETHEUS_MULTIPROC_DIR")
    if folder is None:
        return generate_latest(REGISTRY)
    _forget_dead_workers(Path(folder))
    registry = CollectorRegistry()
    MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    return _try(lambda: generate_latest(registry))


def read_counter(name: str) -> list[tuple[Mapping[str, str], float]]:
    """Return a counter's values with their labels, summed over the worker processes.

    Those that have ended count, too. It reads files; a buffered counter may be a moment behind.
    """
    folder = os.environ.get("PROMETHEUS_MULTIPROC_DIR")
    if folder is None:
        families = REGISTRY.collect()
    else:
        files = [str(path) for path in Path(folder).glob("counter_*.db")]
        families = _try(lambda: MultiProcessCollector.merge(files))  # type: ignore[no-untyped-call]
    samples = (sample for family in families for sample in family.samples)
    return [(sample.labels, sample.value) for sample in samples if sample.name == name]


def _try(read: Callable[[], _T]) -> _T:
    for _ in range(_TRIES - 1):
        try:
            return read()
        except (struct.error, ValueError):  # the file of a worker that is starting is still empty
            time.sleep(0.02)
    return read()


def _forget_dead_workers(folder: Path) -> None:
    """Remove the gauges of workers that were killed: nothing else removes them in time."""
    for path in folder.glob("gauge_live*.db"):
        if not _is_alive(int(path.stem.rpartition("_")[2])):
            path.unlink(missing_ok=True)


def _is_alive(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
