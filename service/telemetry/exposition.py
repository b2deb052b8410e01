"""The metrics of all worker processes together, in Prometheus's text format.

Each process writes its figures to files in the folder PROMETHEUS_MULTIPROC_DIR.
"""

import os
import struct
import time
from pathlib import Path

import psutil
from prometheus_client import REGISTRY, CollectorRegistry, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector

_TRIES = 5  # to read the files of all workers


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
    for _ in range(_TRIES - 1):
        try:
            return generate_latest(registry)
        except (struct.error, ValueError):  # the file of a worker that is starting is still empty
            time.sleep(0.02)
    return generate_latest(registry)


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
