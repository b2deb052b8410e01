"""The metrics of a worker process: what it uses, and how long garbage collection stops it.

The worker that answers /metrics can't ask the others for their figures, so each worker writes its
own every few seconds.
"""

import asyncio
import gc
import time
from typing import Final, NoReturn

import psutil
from prometheus_client import Counter, Gauge

from service.admission import Account

_EVERY: Final = 5.0  # seconds
_GENERATIONS: Final = 3

_CPU_SECONDS = Counter(
    "trident_process_cpu_seconds",
    "Processor time, user and system, of a worker process.",
    ["worker"],
)


def _gauge(name: str, documentation: str) -> Gauge:
    return Gauge(
        f"trident_process_{name}", documentation, ["worker"], multiprocess_mode="livemostrecent"
    )


_MEMORY = _gauge("resident_memory_bytes", "Memory that a worker process holds.")
_OPEN_FILES = _gauge("open_fds", "Open file descriptors of a worker process.")
_THREADS = _gauge("threads", "Threads of a worker process.")
_INFLIGHT = _gauge(
    "inflight_bytes", "Bytes that the requests in progress in a worker process hold."
)
_START_TIME = _gauge("start_time_seconds", "When a worker process was started, in Unix time.")
_COLLECTIONS = Counter(
    "trident_gc_collections",
    "Garbage collections of a worker process, by generation (0, 1, 2).",
    ["worker", "generation"],
)
_PAUSE_SECONDS = Counter(
    "trident_gc_pause_seconds",
    "Time that garbage collections stopped a worker process, by generation.",
    ["worker", "generation"],
)


class ProcessMetrics:
    """The figures of this process."""

    def __init__(self, worker: str, account: Account) -> None:
        """Watch garbage collections from now on. `worker` is this process's number."""
        self._account = account
        self._process = psutil.Process()
        self._cpu_seconds = 0.0
        self._collections = [0] * _GENERATIONS
        self._pauses = [0.0] * _GENERATIONS
        self._collection_started = 0.0
        self._worker = worker
        gc.callbacks.append(self._on_collection)

    async def keep_written(self) -> NoReturn:
        """Write the figures every few seconds."""
        while True:
            self.write()
            await asyncio.sleep(_EVERY)

    def write(self) -> None:
        """Write the figures."""
        with self._process.oneshot():
            times = self._process.cpu_times()
            _MEMORY.labels(self._worker).set(self._process.memory_info().rss)
            _INFLIGHT.labels(self._worker).set(self._account.used)
            _THREADS.labels(self._worker).set(self._process.num_threads())
            _START_TIME.labels(self._worker).set(self._process.create_time())
        _OPEN_FILES.labels(self._worker).set(self._process.num_fds())
        cpu_seconds = times.user + times.system
        _CPU_SECONDS.labels(self._worker).inc(cpu_seconds - self._cpu_seconds)
        self._cpu_seconds = cpu_seconds
        for generation in range(_GENERATIONS):
            labels = (self._worker, str(generation))
            _COLLECTIONS.labels(*labels).inc(self._collections[generation])
            _PAUSE_SECONDS.labels(*labels).inc(self._pauses[generation])
            self._collections[generation], self._pauses[generation] = 0, 0.0

    def _on_collection(self, phase: str, info: dict[str, int]) -> None:
        if phase == "start":
            self._collection_started = time.perf_counter()
        else:
            self._collections[info["generation"]] += 1
            self._pauses[info["generation"]] += time.perf_counter() - self._collection_started
