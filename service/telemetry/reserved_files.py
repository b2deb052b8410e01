"""Files of metrics whose space is reserved, so that a full disk is an error and not a crash.

prometheus_client maps its files into memory. When a page of such a file is written for the first
time and there is no room for it on the disk, the kernel ends the process (SIGBUS).
"""

import os
import sys
from pathlib import Path
from typing import Final

from prometheus_client import mmap_dict, values

_FIRST_BYTES: Final = 64 * 1024  # what prometheus_client makes a new file
_MARGIN: Final = 32  # bytes of an entry beside its key, at most


class ReservedDict(mmap_dict.MmapedDict):
    """A file of metrics. It raises OSError when there is no room for more of them."""

    def __init__(self, filename: str, read_mode: bool = False) -> None:  # noqa: FBT001, FBT002
        """Open a file, or make it."""
        if not read_mode:
            _make(Path(filename))
        super().__init__(filename, read_mode)  # type: ignore[no-untyped-call]

    def _init_value(self, key: str) -> None:
        if self._used + len(key.encode()) + _MARGIN > self._capacity:
            _reserve(self._f.fileno(), 2 * self._capacity)
        super()._init_value(key)  # type: ignore[no-untyped-call]


def reserve_files() -> None:
    """Have prometheus_client use such files from now on."""
    if sys.platform != "win32":
        values.MmapedDict = ReservedDict  # type: ignore[attr-defined]


def _make(path: Path) -> None:
    with path.open("ab") as file:
        try:
            _reserve(file.fileno(), _FIRST_BYTES)
        except OSError:
            path.unlink()  # whoever reads the metrics of all workers would stumble over it
            raise


def _reserve(descriptor: int, size: int) -> None:
    if os.fstat(descriptor).st_size < size:
        os.posix_fallocate(descriptor, 0, size)
