"""How a worker knows whether another one of the service is ready.

Each ready worker holds a lock of one file, which the kernel frees when the process ends, however it
ends.
"""

import os
import sys
from pathlib import Path

if sys.platform != "win32":
    import fcntl


class ReadyMark:
    """The lock of one worker."""

    def __init__(self, folder: Path | None) -> None:
        """Use a folder that the workers share; None if this process isn't one of several."""
        self._file = (
            None if folder is None else os.open(folder / "ready", os.O_RDWR | os.O_CREAT, 0o600)
        )

    def set(self, *, ready: bool) -> None:
        """Tell the others whether this worker is ready."""
        if sys.platform != "win32" and self._file is not None:
            fcntl.flock(self._file, fcntl.LOCK_SH if ready else fcntl.LOCK_UN)

    def is_set_by_another(self) -> bool:
        """Tell whether another worker is ready. It may be asked only while this one isn't."""
        if sys.platform == "win32" or self._file is None:
            return False
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        fcntl.flock(self._file, fcntl.LOCK_UN)
        return False
