"""A version that ends the process that loads it ends only one worker.

A file stands for each version that is being loaded. If it is still there when nobody loads any
more, the process that wrote it was killed meanwhile: by the kernel, because memory ran out, or by a
fault in the model's own code. The version isn't loaded again by the other workers.
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

    def check(self, key: Key) -> None:
        """Raise CorruptModelError if a process was killed while it loaded this version."""
        lock = try_lock(self._lock)
        if lock is None:  # another worker loads: its file doesn't mean anything yet
            return
        try:
            self._check(key)
        finally:
            os.close(lock)

    @contextmanager
    def loading(self, key: Key) -> Iterator[None]:
        """Load a version in the block, when no other worker loads one. It blocks.

        Raises:
            CorruptModelError: a process was killed while it loaded this version.
        """
        with self.turn():
            self._check(key)
            self._mark(key).touch()
            try:
                yield
            finally:
                self._mark(key).unlink(missing_ok=True)

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

    def _check(self, key: Key) -> None:
        """Raise the error once: when the version's files change, it may be tried again."""
        mark = self._mark(key)
        if mark.exists():
            mark.unlink()
            name, version, _ = key
            raise CorruptModelError(
                f"A worker process was killed while it loaded {name}/{version}. Perhaps it needs "
                "more memory than there is, or its code has a fault."
            )

    def _mark(self, key: Key) -> Path:
        return self._folder / "-".join(map(str, key))
