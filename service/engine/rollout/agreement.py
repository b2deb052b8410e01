"""How the workers of one running service agree on which target is in force.

A target is a numbered text: what every worker shall serve. The leader publishes it, each worker
prepares it and reports, and the leader commits it: it stores the number in a page of memory that
all of them share. docs/decisions/versions.md says why it works this way.
"""

import mmap
import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NamedTuple

from service.engine.rollout.workers import Presence, Report, RollCall, try_lock, write_whole

_COMMITTED, _LATEST, _SCANS_DONE, _UNUSED = 0, 1, 2, 7  # the page's numbers, 8 bytes each
_PAGE_BYTES: Final = 64


class Target(NamedTuple):
    """What every worker shall serve. Its number is higher than those of all targets before it."""

    number: int
    content: str


@dataclass(frozen=True, slots=True)
class Progress:
    """How far the workers are with a target.

    Attributes:
        prepared: the workers that have prepared it.
        missing: the workers that it must wait for: the leader, and the members that are at work.
        silent: the workers that show no sign of life. It doesn't wait for them.
        failures: what failed in any live worker, member or not, and why.
    """

    prepared: frozenset[str]
    missing: frozenset[str]
    silent: frozenset[str]
    failures: Mapping[str, str]

    @property
    def complete(self) -> bool:
        """Whether the target can be committed."""
        return not self.missing and not self.failures


class Agreement:
    """One worker's part in the agreement. No call waits for another process.

    A member is a live worker that has prepared the committed target, or a newer one. A commit waits
    for all members that aren't silent. Any worker can be the leader.

    `committed` and `beat` may be used in any thread. Of the other methods, one thread at a time may
    use the leader's (`publish`, `progress`, `commit`, `finish_scans`), and one thread the rest.
    """

    def __init__(self, folder: Path, *, clock: Callable[[], float] = time.monotonic) -> None:
        """Take part as a new worker.

        Args:
            folder: shared by the workers of one service, on a local disk or in memory. It is made
                if it is missing.
            clock: the seconds in which the leader measures how long a worker is silent.
        """
        self._folder = folder
        self._targets = folder / "targets"
        self._workers = folder / "workers"
        for part in (folder, self._targets, self._workers):
            part.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._page = _open_page(folder / "page")
        self.committed: Final[Sequence[int]] = self._page[: _COMMITTED + 1].toreadonly()
        """`committed[0]` is the number of the target in force; 0 if there is none yet."""
        self._asked = os.open(folder / "scans", os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
        self._presence = Presence(self._workers)
        self._roll_call = RollCall(self._workers, self.worker, clock)
        self._leading: int | None = None
        self._read: dict[int, Target] = {}

    @property
    def worker(self) -> str:
        """This worker's name: its process id, and a random part."""
        return self._presence.worker

    def lead(self) -> bool:
        """Try to become the leader. Return whether this worker is the leader now."""
        if self._leading is None and (lock := try_lock(self._folder / "leader.lock")) is not None:
            self._leading = lock
        return self._leading is not None

    def publish(self, content: str) -> int:
        """Publish the next target, as the leader. Return its number.

        Raises RuntimeError if this worker isn't the leader.
        """
        self._check_leads()
        number = self._page[_LATEST] + 1
        write_whole(self._targets / str(number), content)
        self._page[_LATEST] = number
        self._forget_targets()
        return number

    def latest(self) -> Target | None:
        """Return the newest target; None if there is none yet. Its file is read only once."""
        return self._target(_LATEST)

    def in_force(self) -> Target | None:
        """Return the committed target, which a new worker prepares; None if there is none yet."""
        return self._target(_COMMITTED)

    def report(self, number: int, failures: Mapping[str, str]) -> None:
        """Tell the leader that this worker is done with a target.

        Args:
            number: the target's number.
            failures: what couldn't be prepared, and why. If empty, the target is prepared: this
                worker can switch to it at any moment from now on.
        """
        prepared = self._presence.report.prepared if failures else number
        self._presence.write(Report(prepared, number, dict(failures)))

    def join(self) -> bool:
        """Return whether this worker has prepared the committed target, so that it can serve.

        After True, no commit goes on without this worker, unless it is silent. After False, prepare
        the target in force, report it, and call again. It is False as well while a commit runs.
        """
        if not self.committed[0] or self._presence.report.prepared != self.committed[0]:
            return False
        lock = self._try_lock_members()
        if lock is None:
            return False
        try:
            return self._presence.report.prepared == self.committed[0]
        finally:
            os.close(lock)

    def beat(self) -> None:
        """Give a sign of life. Call it every second, where it stops if the worker hangs."""
        self._presence.beat()

    def progress(self, number: int) -> Progress:
        """Return how far the workers are with a target, as the leader.

        Call it every second or so while a target is waited for: only then is silence noticed.
        """
        attendance = self._roll_call.call()
        member = max(self.committed[0], 1)
        prepared, missing = set(), set()
        failures: dict[str, str] = {}
        for worker, report in attendance.reports.items():
            if report.prepared == number:
                prepared.add(worker)
            elif report.number == number:
                failures.update(report.failures)
            elif report.prepared >= member or worker == self.worker:
                missing.add(worker)
        silent = attendance.silent
        return Progress(frozenset(prepared), frozenset(missing) - silent, silent, failures)

    def commit(self, number: int) -> bool:
        """Put the newest target in force in all workers at once, as the leader.

        Returns:
            Whether it is in force. If not, a worker isn't done with it or joins just now: see
            `progress`, and call again.

        Raises:
            RuntimeError: this worker isn't the leader.
            ValueError: there is a newer target.
        """
        self._check_leads()
        if number != self._page[_LATEST]:
            raise ValueError(f"Target {number} isn't the newest, which is {self._page[_LATEST]}.")
        lock = self._try_lock_members()
        try:
            progress = self.progress(number)
            # Perhaps the silent one was stopped while it held the lock. It isn't waited for.
            if not progress.complete or (lock is None and not progress.silent):
                return False
            self._page[_COMMITTED] = number
        finally:
            if lock is not None:
                os.close(lock)
        self._forget_targets()
        return True

    def ask_for_scan(self) -> int:
        """Ask the leader to look at the folder of models now.

        The result is in force when `scans_done` is at least the number that this returns.
        """
        os.write(self._asked, b".")  # appended in one step: no two workers get the same byte
        return self.scans_asked

    @property
    def scans_asked(self) -> int:
        """How many scans have been asked for. The leader reads it before it looks at the folder."""
        return os.fstat(self._asked).st_size

    @property
    def scans_done(self) -> int:
        """How many of the scans that were asked for have their result in force."""
        return self._page[_SCANS_DONE]

    def finish_scans(self, asked: int) -> None:
        """Tell those who asked that their scans are done, as the leader.

        Args:
            asked: what `scans_asked` was before the leader looked at the folder.

        Raises RuntimeError if this worker isn't the leader.
        """
        self._check_leads()
        self._page[_SCANS_DONE] = asked

    def leave(self) -> None:
        """Stop being a member, and the leader. Afterwards only `committed` may be used."""
        self._presence.leave()
        if self._leading is not None:
            os.close(self._leading)
            self._leading = None

    def _check_leads(self) -> None:
        if self._leading is None:
            raise RuntimeError("This worker isn't the leader.")

    def _try_lock_members(self) -> int | None:
        """Return the lock that keeps commits and joins apart; None if another holds it."""
        return try_lock(self._folder / "members.lock")

    def _target(self, slot: int) -> Target | None:
        number, known = self._page[slot], self._read.get(slot)
        if number == (known.number if known else 0):
            return known
        try:
            content = (self._targets / str(number)).read_bytes().decode()
        except FileNotFoundError:
            if self._page[slot] == number:
                raise
            return self._target(slot)  # a newer one has taken its place
        self._read[slot] = Target(number, content)
        return self._read[slot]

    def _forget_targets(self) -> None:
        needed = {str(self._page[slot]) for slot in (_COMMITTED, _LATEST)}
        for path in self._targets.iterdir():
            if path.name not in needed:
                path.unlink()


def _open_page(path: Path) -> "memoryview[int]":
    """Map the page. CPython reads and writes an aligned 8-byte number of it in one step."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        # Written, not only lengthened: on a full disk this is an error here, not a crash later.
        os.lseek(descriptor, 8 * _UNUSED, os.SEEK_SET)
        os.write(descriptor, bytes(8))
        page = mmap.mmap(descriptor, _PAGE_BYTES)
    finally:
        os.close(descriptor)
    return memoryview(page).cast("Q")
