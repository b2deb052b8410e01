"""The workers of one running service: which of them live, and what each has prepared.

Each worker has two files in a folder that they share. It holds the lock of `WORKER.alive` as long
as it lives (the kernel frees the lock when the process ends, however it ends), and touches that
file as a sign of life. `WORKER.report` says what it has prepared. It is replaced whole, so nobody
reads half of one.
"""

import json
import os
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from secrets import token_hex
from typing import Final

if sys.platform != "win32":
    import fcntl

SILENCE_SECONDS: Final = 10.0
"""A worker that shows no sign of life for longer than this is silent: nobody waits for it."""


@dataclass(frozen=True, slots=True)
class Report:
    """What a worker says of itself.

    Attributes:
        prepared: the number of the newest target that it has prepared without a failure; 0 if none.
        number: the number of the target that it reported last.
        failures: what failed in that target, and why.
    """

    prepared: int = 0
    number: int = 0
    failures: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Attendance:
    """The reports of the workers that live, and which of these workers are silent."""

    reports: Mapping[str, Report]
    silent: frozenset[str]


def try_lock(path: Path, *, make: bool = True) -> int | None:
    """Return a descriptor that holds the file's lock until it is closed; None if another does.

    With `make` the file is made if it is missing. On Windows there is no lock: one worker needs
    none.
    """
    # Python opens files with O_CLOEXEC: a program that this process starts doesn't hold the lock.
    descriptor = os.open(path, os.O_RDWR | (os.O_CREAT if make else 0), 0o600)
    if sys.platform != "win32":
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            return None
    return descriptor


def write_whole(path: Path, content: str) -> None:
    """Write a file that has one writer, in such a way that others read the old or the new one."""
    new = path.with_suffix(".new")
    new.write_bytes(content.encode())
    new.replace(path)


class Presence:
    """This worker's own files: they show the others that it lives, and what it has prepared."""

    def __init__(self, folder: Path) -> None:
        """Register this worker in the folder, with nothing prepared."""
        self.worker: Final = f"{os.getpid()}-{token_hex(4)}"
        self.report = Report()
        self._alive = folder / f"{self.worker}.alive"
        self._report = folder / f"{self.worker}.report"
        self._lock = try_lock(self._alive)
        self.write(self.report)  # only with a report, and so after the lock, is a worker seen

    def write(self, report: Report) -> None:
        """Replace this worker's report."""
        write_whole(self._report, json.dumps(asdict(report)))
        self.report = report

    def beat(self) -> None:
        """Give a sign of life."""
        os.utime(self._alive)

    def leave(self) -> None:
        """Remove this worker's files. A second call does nothing."""
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None
            _remove(self._report)


class RollCall:
    """What a leader finds out about the workers. It removes the files of those that are dead.

    No clocks of two processes are compared: a worker is silent when its sign of life hasn't changed
    for `SILENCE_SECONDS` of the leader's own clock. A leader that hasn't looked for that long
    was perhaps stopped together with the others, so it starts to count again.
    """

    def __init__(self, folder: Path, own: str, clock: Callable[[], float] = time.monotonic) -> None:
        """Look into the folder as the worker `own`, which is never silent to itself."""
        self._folder = folder
        self._own = own
        self._clock = clock
        self._looked = clock()
        self._changed: dict[str, tuple[int, float]] = {}  # the sign of life, and when it was new

    def call(self) -> Attendance:
        """Return who lives, what they report, and who is silent."""
        reports: dict[str, Report] = {}
        signs: dict[str, int] = {}
        for path in self._folder.glob("*.report"):
            alive = path.with_suffix(".alive")
            if path.stem != self._own and _is_dead(alive):
                _remove(path)
                continue
            with suppress(FileNotFoundError):  # it is leaving
                sign, report = alive.stat().st_mtime_ns, Report(**json.loads(path.read_bytes()))
                signs[path.stem], reports[path.stem] = sign, report
        return Attendance(reports, self._silent(signs))

    def _silent(self, signs: Mapping[str, int]) -> frozenset[str]:
        now = self._clock()
        before = self._changed if now - self._looked <= SILENCE_SECONDS else {}
        self._looked = now
        self._changed = {
            worker: before[worker] if before.get(worker, (None,))[0] == sign else (sign, now)
            for worker, sign in signs.items()
        }
        silent = {w for w, (_, since) in self._changed.items() if now - since > SILENCE_SECONDS}
        return frozenset(silent - {self._own})


def _is_dead(alive: Path) -> bool:
    lock = try_lock(alive)
    if lock is None:
        return False
    os.close(lock)
    return True


def _remove(report: Path) -> None:
    """Remove a worker's files, its report last: what is left of a removal is found by it."""
    for suffix in (".alive", ".new", ".report"):
        report.with_suffix(suffix).unlink(missing_ok=True)
