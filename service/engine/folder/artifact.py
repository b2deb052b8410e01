"""The folder of one version on disk: its card, and whether its files are those of the card."""

import hashlib
from collections.abc import Set
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from pydantic import ValidationError

from service.engine.folder.folder_files import FileHashes, FileStats
from service.errors import CorruptModelError, first_fault, unreadable
from service.runtime.card import ModelCard

CARD = "model.json"

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
        content = (path / CARD).read_bytes()
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
    if files.get(CARD) is None:
        raise _missing(folder / CARD)
    try:
        content = (folder / CARD).read_bytes()
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
    unknown = _read_by_tensorflow(files) - card.files.keys()
    if unknown:
        names = ", ".join(sorted(unknown))
        raise CorruptModelError(f"{folder}: its card has no hash of {names}. Export it again.")
    present = {name: stat for name, stat in files.items() if stat is not None}
    for name in sorted(card.files.keys() - present.keys()):
        raise _missing(folder / name)
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


def _missing(file: Path) -> CorruptModelError:
    return CorruptModelError(f"{file} can't be read: there is no such file.")


def _read_by_tensorflow(files: FileStats) -> Set[str]:
    variables = {
        name
        for name in files
        if name.startswith("variables/") and not name.removeprefix("variables/").startswith(".")
    }
    return {"saved_model.pb"} | variables
