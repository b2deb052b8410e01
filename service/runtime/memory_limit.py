"""A limit on the memory that a model takes while it is loaded: what the machine has left.

Without it the kernel would end a process when memory runs out, perhaps another than the one that
loads. With it TensorFlow gets no more memory, and mostly says so.
"""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import psutil

_GPU: Final = Path("/dev/nvidiactl")  # its driver maps far more memory than it uses
_STATUS: Final = Path("/proc/self/status")
_CGROUP: Final = Path("/sys/fs/cgroup")


@contextmanager
def limited_memory() -> Iterator[None]:
    """Let this process take, in the block, no more memory than is available at its beginning.

    It holds for all threads, and for private memory (RLIMIT_DATA), on Linux without a GPU.
    """
    if sys.platform != "linux" or _GPU.exists():
        yield
        return
    import resource

    before, hard = resource.getrlimit(resource.RLIMIT_DATA)
    limit = _taken() + _available()
    if before != resource.RLIM_INFINITY:
        limit = min(limit, before)
    resource.setrlimit(resource.RLIMIT_DATA, (limit, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_DATA, (before, hard))


def _taken() -> int:
    """Return the bytes of private memory that this process has mapped."""
    lines = dict(line.split(":", 1) for line in _STATUS.read_text().splitlines())
    return int(lines["VmData"].split()[0]) * 1024


def _available() -> int:
    """Return the bytes that the machine, and the container if this is one, have left."""
    available: int = psutil.virtual_memory().available
    try:
        most = int((_CGROUP / "memory.max").read_text())
        used = int((_CGROUP / "memory.current").read_text())
        cache = _reclaimable((_CGROUP / "memory.stat").read_text())
    except (OSError, ValueError):  # "max" means that there is no limit
        return available
    return max(0, min(available, most - used + cache))


def _reclaimable(statistics: str) -> int:
    """Return the bytes of files that the kernel keeps only as long as nobody needs the memory."""
    counts = dict(line.split() for line in statistics.splitlines())
    return int(counts.get("inactive_file", 0)) + int(counts.get("active_file", 0))
