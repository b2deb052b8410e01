"""A version that ends the process that loads it ends only one worker.

A file stands for each version that a process loads, and the process holds the file's lock. If the
file is there and isn't locked, its process was killed meanwhile: by the kernel, because memory ran
out, by a fault in the model's own code, or by the watchdog, because the loading never ended. The
version isn't loaded again by the other workers.
"""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from service.engine.folder.artifact import Key
from service.engine.rollout.workers import try_lock
from service.errors import CorruptModelError

_LOOK_SECONDS: Final = 0.02


class LoadingGuard:
    """Watches over the loading of versions in all workers of a service."""

    def __init__(self, folder: Path) -> None:
        """Use a folder that the workers share; it is made if it is missing."""
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._folder = folder
        self._lock = folder / "lock"

    @contextmanager
    def loading(self, key: Key, *, deaths: int = 1) -> Iterator[None]:
        """Load a version in the block.

        Raises:
            CorruptModelError: so many processes were killed while they loaded this version.
        """
        self._check(key, deaths)
        with self._marked(key):
            yield
        for mark in self._abandoned(key):
            mark.unlink(missing_ok=True)

    @contextmanager
    def _marked(self, key: Key) -> Iterator[None]:
        """Hold a mark of this process. It is locked already when it gets its name."""
        new = self._folder / f"{os.getpid()}.new"
        lock = try_lock(new)
        mark = new.replace(self._folder / f"{_written(key)}.{os.getpid()}")
        try:
            yield
        finally:
            mark.unlink(missing_ok=True)
            if lock is not None:
                os.close(lock)

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Do in the block what only one worker at a time shall do. It blocks."""
        lock = try_lock(self._lock)
        while lock is None:
            time.sleep(_LOOK_SECONDS)
            lock = try_lock(self._lock)
        try:
            yield
        finally:
            os.close(lock)
        time.sleep(2 * _LOOK_SECONDS)  # the others get their turn before this worker's next

    def _check(self, key: Key, deaths: int) -> None:
        """Raise the error once: when the version's files change, it may be tried again."""
        marks = self._abandoned(key)
        if len(marks) < deaths:
            return
        for mark in marks:
            mark.unlink(missing_ok=True)
        name, version, _ = key
        raise CorruptModelError(
            f"A worker process was killed while it loaded {name}/{version}. Perhaps it needs "
            "more memory than there is, takes too long, or its code has a fault."
        )

    def _abandoned(self, key: Key) -> list[Path]:
        return [mark for mark in self._folder.glob(f"{_written(key)}.*") if _is_abandoned(mark)]


def _written(key: Key) -> str:
    return "-".join(map(str, key))


def _is_abandoned(mark: Path) -> bool:
    """Tell whether the process that made a mark is gone: it holds a lock as long as it lives."""
    try:
        lock = try_lock(mark, make=False)
    except FileNotFoundError:
        return False
    if lock is None:
        return False
    is_there = os.fstat(lock).st_nlink > 0  # otherwise it was removed since it was opened
    os.close(lock)
    return is_there
