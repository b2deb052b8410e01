"""A version's folder, looked at again and again until its files are complete, or wrong for good."""

from collections.abc import Callable
from pathlib import Path
from typing import Final, TypeAlias

from service.engine.folder.artifact import (
    Artifact,
    IncompleteVersion,
    RejectedVersion,
    read_card,
    verify_files,
)
from service.engine.folder.folder_files import FileHashes, FileStats, stat_files
from service.errors import CorruptModelError, unreadable

STILL_SECONDS: Final = 10.0
"""Seconds without a change after which nobody copies any more: what is wrong now stays wrong."""

Verdict: TypeAlias = Artifact | IncompleteVersion | RejectedVersion


class VersionFolder:
    """One version's folder. Its files are read only after they have changed.

    A version that is seen for the first time is examined at once. One that changes is examined when
    it hasn't changed between two looks, so that a file that grows isn't hashed at each look. One
    that isn't right is incomplete. When its files have been still for `STILL_SECONDS`, all of them
    are hashed once more, and the version is rejected if it still isn't right: a change within the
    resolution of the files' times can't keep a complete version out.
    """

    def __init__(self, path: Path, clock: Callable[[], float]) -> None:
        """Look at nothing yet. `clock` gives the time in seconds."""
        self._path = path
        self._names = path.parent.name, path.name
        self.task: str | None = None
        """The task in the card that was read last; None if that couldn't be read."""
        self._clock = clock
        self._files: FileStats | None = None
        self._changed_at = clock()
        self._is_examined = False
        self._hashes = FileHashes()
        self._refused: tuple[str, str] | None = None  # digest and reason
        self.verdict: Verdict = self._changing()
        """What the last look found."""

    def look(self, *, settled: bool) -> Verdict:
        """Return what the folder is now.

        Args:
            settled: nobody copies any more: what isn't right is rejected, not incomplete.

        Raises:
            CorruptModelError: the folder can't be read. What was known of it stays.
        """
        try:
            files = self._stat()
        except CorruptModelError as error:
            if self._files is None:
                self.verdict = RejectedVersion(*self._names, None, str(error))
            raise
        if files != self._files:
            is_new = self._files is None
            self._note_change(files)
            must_examine = settled or is_new
        else:
            settled = settled or self._clock() - self._changed_at >= STILL_SECONDS
            is_open = isinstance(self.verdict, IncompleteVersion)
            must_examine = is_open and (settled or not self._is_examined)
        if must_examine:
            self.verdict = self._examine(files, settled=settled)
        return self.verdict

    def refuse(self, digest: str, reason: str) -> None:
        """Reject the artifact with this digest until a file in the folder changes."""
        self._refused = digest, reason
        if isinstance(self.verdict, Artifact) and self.verdict.digest == digest:
            task = self.verdict.card.task
            self.verdict = RejectedVersion(*self._names, task, reason, digest)

    def _note_change(self, files: FileStats) -> None:
        if self._files is not None:
            self._refused = None
        self._files = files
        self._changed_at = self._clock()
        self._is_examined = False
        self.verdict = self._changing()

    def _examine(self, files: FileStats, *, settled: bool) -> Verdict:
        self._is_examined = True
        if settled:
            self._hashes.clear()
        self._hashes.keep_only(files)
        try:
            verdict = self._verify(files)
        except CorruptModelError as error:
            kind = RejectedVersion if settled else IncompleteVersion
            verdict = kind(*self._names, self.task, str(error))
        return verdict if self._stat() == files else self._changing()

    def _verify(self, files: FileStats) -> Verdict:
        path, self.task = self._path.resolve(), None
        card, digest = read_card(self._path, files)
        self.task = card.task
        verify_files(self._path, card, files, self._hashes)
        if self._refused is not None and self._refused[0] == digest:
            return RejectedVersion(*self._names, card.task, self._refused[1], digest)
        return Artifact(path, card, digest)

    def _changing(self) -> IncompleteVersion:
        return IncompleteVersion(*self._names, self.task, f"{self._path}: its files are changing.")

    def _stat(self) -> FileStats:
        try:
            return stat_files(self._path)
        except OSError as error:
            raise unreadable(self._path, error) from error
