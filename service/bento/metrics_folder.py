"""The folder in which the processes of one running service share their metrics.

BentoML's own folder is the same for all services of a user, and is emptied when one of them starts.
"""

import atexit
import os
import shutil
import sys
import tempfile
import time
from pathlib import Path
from typing import Final
from uuid import uuid4

from bentoml._internal.configuration.containers import BentoMLContainer
from bentoml.exceptions import BentoMLConfigException

if sys.platform != "win32":
    import fcntl

_WORKER_BYTES: Final = 1024 * 1024  # what a worker writes to the folder, and some of its successors
_PREFIX: Final = "trident-metrics-"
_NEW_SECONDS: Final = 600.0  # the process that made a folder locks it within this time


def choose_metrics_folder() -> None:
    """Have BentoML make a folder that no other service uses, if this process serves.

    Raises BentoMLConfigException if there is no place for it.
    """
    try:
        parent = tempfile.gettempdir()
    except FileNotFoundError as error:
        raise BentoMLConfigException(
            f"There is no writable folder for temporary files: {error.strerror}. Make one of these "
            "writable, or set TMPDIR to another folder."
        ) from None
    folder = str(Path(parent) / f"{_PREFIX}{uuid4().hex}")
    BentoMLContainer.prometheus_multiproc_dir.set(folder)


def check_room(workers: int) -> None:
    """Raise BentoMLConfigException if the folder's disk has too little room for the workers."""
    parent, needed = tempfile.gettempdir(), _WORKER_BYTES * (workers + 1)
    free = shutil.disk_usage(parent).free
    if free < needed:
        raise BentoMLConfigException(
            f"{parent} has only {free // 1024} KiB free, and the service needs at least "
            f"{needed // 1024} KiB there: make room, or set TMPDIR to another folder."
        )


def metrics_folder(*parts: str) -> Path | None:
    """Return the folder, or a path in it; None outside a worker.

    What the workers of this service share besides lies there too: it is new at each start, and
    removed at the end.
    """
    folder = os.environ.get("PROMETHEUS_MULTIPROC_DIR")
    return None if folder is None else Path(folder, *parts)


def keep_metrics_folder(folder: Path) -> None:
    """Keep the folder until the last process of this service ends.

    Folders of services that were killed are removed.
    """
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    if sys.platform == "win32":
        return
    lock = os.open(folder, os.O_RDONLY)
    fcntl.flock(lock, fcntl.LOCK_SH)
    os.set_inheritable(lock, True)  # noqa: FBT003 - workers hold it too
    for other in folder.parent.glob(f"{_PREFIX}*"):
        if _is_abandoned(other):
            shutil.rmtree(other, ignore_errors=True)


def _is_abandoned(folder: Path) -> bool:
    try:
        if time.time() - folder.stat().st_ctime < _NEW_SECONDS:
            return False
        lock = os.open(folder, os.O_RDONLY)
    except OSError:  # it is another user's, or gone
        return False
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    else:
        return True
    finally:
        os.close(lock)
