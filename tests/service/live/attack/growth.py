"""How much workers may grow while they are attacked, once they are warm."""

from collections.abc import Sequence
from typing import NamedTuple

import psutil

from tests.service.live_server import wait_for

_MOST_MEMORY = 112 * 1024**2
"""Bytes of a worker. TensorFlow keeps buffers for each batch size that it meets: by requests to the
generator alone a worker grows by 80 MB, and then no more."""

_MOST_THREADS = 8


class Size(NamedTuple):
    """What a worker uses of the machine."""

    memory: int
    descriptors: int
    threads: int


def size_of(worker: psutil.Process) -> Size:
    return Size(worker.memory_info().rss, worker.num_fds(), worker.num_threads())


def check_growth(workers: Sequence[psutil.Process], before: Sequence[Size]) -> None:
    """Wait until descriptors are closed. Raises AssertionError if a worker has grown."""
    most = sum(size.descriptors for size in before) + 4
    wait_for(lambda: sum(worker.num_fds() for worker in workers) <= most, 30)
    for worker, old in zip(workers, before, strict=True):
        new = size_of(worker)
        assert new.memory < old.memory + _MOST_MEMORY, (old, new)
        assert new.threads <= old.threads + _MOST_THREADS, (old, new)
