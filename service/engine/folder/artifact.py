"""The folder of one version on disk: its card, and whether its files are those of the card."""

import hashlib
from collections.abc import Iterator, Set
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeAlias

import psutil
from pydantic import ValidationError

from service.engine.folder.folder_files import (
    FileHashes,
    FileStat,
    FileStats,
    read_small,
    stat_files,
)
from service.errors import CorruptModelError, first_fault, unreadable
from service.runtime.card import ModelCard

CARD = "model.json"

_MAX_CARD: Final = 4 * 1024 * 1024  # bytes: some 100,000 labels

RESERVED_NAMES = frozenset({"reload"})
"""Names that no model can have, since `/models/NAME` with them is another endpoint."""


Key: TypeAlias = tuple[str, int, str]
"""A version's name, number and digest: two versions with the same key have the same content."""


@dataclass(frozen=True, slots=True)
class Artifact:
    """A version whose files are complete: its folder and its card.

    `path` has no symbolic links in it, so that it stays the same folder when a link is switched.
    `digest` is the SHA-256 of the bytes of `model.json`. The card has the hash of each file, so the
    digest stands for the content of all of them.
    """

    path: Path
    card: ModelCard
    digest: str

    @property
    def key(self) -> Key:
        """What tells it from all others."""
        return self.card.name, self.card.version, self.digest


@dataclass(frozen=True, slots=True)
class IncompleteVersion:
    """A version whose files are still being copied: the names of its folders, and what is missing.

    `task` is None if the card can't be read.
    """

    name: str
    version: str
    task: str | None
    reason: str


@dataclass(frozen=True, slots=True)
class RejectedVersion:
    """A rejected version: the names of its folders, and the reason.

    `task` is None if the card can't be read. `digest` is that of the artifact if its files are as
    its card says, but it can't be served; otherwise None.
    """

    name: str
    version: str
    task: str | None
    reason: str
    digest: str | None = None


def open_artifact(path: Path, digest: str) -> Artifact:
    """Return the artifact in a folder, whose files are verified already.

    Raises:
        CorruptModelError: the card can't be read, or another has taken its place.
    """
    try:
        content = read_small(path / CARD, _MAX_CARD)
    except OSError as error:
        raise unreadable(path / CARD, error) from error
    if hashlib.sha256(content).hexdigest() != digest:
        raise CorruptModelError(f"{path} has been replaced by another artifact.")
    return Artifact(path, ModelCard.model_validate_json(content), digest)


def read_card(folder: Path, files: FileStats) -> tuple[ModelCard, str]:
    """Return the card in the folder of a version, which has these files, and the card's digest.

    Raises:
        CorruptModelError: the card can't be read, or it is that of another model or version.
    """
    name, version = folder.parent.name, folder.name
    if name in RESERVED_NAMES:
        raise CorruptModelError(
            f"{folder.parent}: a model can't have the name {name}, since /models/{name} is another "
            "endpoint. Package the model under another name."
        )
    _check_present(folder, CARD, files)
    try:
        content = read_small(folder / CARD, _MAX_CARD)
        card = ModelCard.model_validate_json(content)
    except OSError as error:
        raise unreadable(folder / CARD, error) from error
    except ValidationError as error:
        sentence = f"{folder / CARD} isn't a model card: {first_fault(error)}."
        raise CorruptModelError(sentence) from error
    if (card.name, str(card.version)) != (name, version):
        raise CorruptModelError(
            f"{folder}: its card is that of {card.name}/{card.version}, "
            "but the folders must be named after the model and the version."
        )
    return card, hashlib.sha256(content).hexdigest()


def verify_files(folder: Path, card: ModelCard, files: FileStats, hashes: FileHashes) -> None:
    """Check that the files are those of which the card has the hashes.

    No file is read before all are there. Names that begin with a dot are those of copying tools.

    Args:
        folder: the folder of the version.
        card: its card.
        files: what `stat` says of the files in the folder.
        hashes: the hashes of files that are known already.

    Raises:
        CorruptModelError: a file is missing, altered, unreadable, or the card has no hash of it.
    """
    for name in sorted(card.files):
        _check_present(folder, name, files)
    unknown = _read_by_tensorflow(files) - card.files.keys()
    if unknown:
        names = ", ".join(sorted(unknown))
        raise CorruptModelError(f"{folder}: its card has no hash of {names}. Export it again.")
    present = {name: stat for name, stat in files.items() if not isinstance(stat, str)}
    _check_size(folder, sum(present[name].size for name in card.files))
    for name, expected in card.files.items():
        try:
            found = hashes.sha256(folder / name, present[name])
        except OSError as error:
            raise unreadable(folder / name, error) from error
        if found != expected:
            raise CorruptModelError(
                f"{folder / name} isn't the file that its card describes (SHA-256 {found}, "
                f"expected {expected}). Copy the model again, or export it again."
            )


@contextmanager
def unchanged(artifact: Artifact) -> Iterator[None]:
    """Load an artifact's files in the block; its card has the hashes of what is loaded.

    Each worker checks that for itself: since the folder was looked at, files could have been
    replaced.

    Raises:
        CorruptModelError: a file was altered before, or has changed meanwhile.
    """
    path = artifact.path
    before = _stat(path)
    verify_files(path, artifact.card, before, FileHashes())
    yield
    if _stat(path) != before:
        raise CorruptModelError(f"{path}: its files have changed while they were loaded.")


def _stat(folder: Path) -> FileStats:
    try:
        return stat_files(folder)
    except OSError as error:
        raise unreadable(folder, error) from error


def _check_present(folder: Path, name: str, files: FileStats) -> None:
    """Raise CorruptModelError if there is no such file, with the reason."""
    found = files.get(name)
    if isinstance(found, FileStat):
        return
    place = next((part for part in Path(name).parents if str(part) in files), Path(name))
    reason = files.get(str(place), "there is no such file")
    raise CorruptModelError(f"{folder / place} can't be read: {reason}.")


def _check_size(folder: Path, size: int) -> None:
    """Refuse what can't be loaded anyway, before it is read for minutes."""
    memory = psutil.virtual_memory().total
    if size > memory:
        raise CorruptModelError(
            f"{folder}: its files have {size} bytes, more than this machine's memory ({memory})."
        )


def _read_by_tensorflow(files: FileStats) -> Set[str]:
    """Return the names that need a hash: also of what isn't a file, but could be one later."""
    loaded = {
        name
        for name in files
        for folder, _, rest in (name.partition("/"),)
        if folder in ("variables", "assets") and not rest.startswith(".")
    }
    return {"saved_model.pb"} | loaded
