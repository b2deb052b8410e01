"""The models on disk, in TensorFlow Serving's layout: NAME/VERSION/saved_model.pb."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from service.engine.default_models import DEFAULTS, read_defaults
from service.errors import CorruptModelError, first_fault, unreadable
from service.runtime.card import ModelCard

CARD = "model.json"


@dataclass(frozen=True, slots=True)
class Artifact:
    """A model's folder and its card."""

    path: Path
    card: ModelCard


@dataclass(frozen=True, slots=True)
class RejectedVersion:
    """A rejected version: the names of its folders, and the reason.

    `task` is None if the card can't be read.
    """

    name: str
    version: str
    task: str | None
    reason: str


@dataclass(frozen=True, slots=True)
class ModelFolder:
    """The content of a folder of models.

    `artifacts` are sorted by name, the newest version first. `defaults` are the names of the models
    that answer requests that name none, by task.
    """

    artifacts: list[Artifact]
    rejected: list[RejectedVersion]
    defaults: dict[str, str]


def read_models(models: Path) -> ModelFolder:
    """Read and verify every version of every model below `models`.

    A version that is incomplete or altered is rejected. The others can still be served.

    Raises:
        CorruptModelError: no version can be served, the folder can't be read, or its defaults don't
        match its models.
    """
    artifacts: list[Artifact] = []
    rejected: list[RejectedVersion] = []
    for folder in _version_folders(models):
        card = None
        try:
            card = _read_card(folder)
            _verify_files(folder, card)
            artifacts.append(Artifact(folder, card))
        except CorruptModelError as error:
            task = card.task if card else None
            rejected.append(RejectedVersion(folder.parent.name, folder.name, task, str(error)))
    if not artifacts:
        raise CorruptModelError(" ".join([_no_model(models), *(r.reason for r in rejected)]))
    artifacts.sort(key=lambda artifact: (artifact.card.name, -artifact.card.version))
    names = {r.name: r.task for r in rejected} | {a.card.name: a.card.task for a in artifacts}
    return ModelFolder(artifacts, rejected, read_defaults(models / DEFAULTS, names))


def _no_model(models: Path) -> str:
    return (
        f"No model in {models} can be served: expected NAME/VERSION/{CARD}. "
        "Train models with `make train`, or set TRIDENT_MODELS to the folder that has them."
    )


def _version_folders(models: Path) -> Iterator[Path]:
    for name in _subfolders(models):
        yield from (v for v in _subfolders(name) if v.name.isascii() and v.name.isdecimal())


def _subfolders(folder: Path) -> list[Path]:
    """Return the folders in `folder`, none if there is no such folder."""
    try:
        return sorted(path for path in folder.iterdir() if path.is_dir())
    except FileNotFoundError:
        return []
    except OSError as error:
        raise unreadable(folder, error) from error


def _read_card(folder: Path) -> ModelCard:
    try:
        card = ModelCard.model_validate_json((folder / CARD).read_bytes())
    except OSError as error:
        raise unreadable(folder / CARD, error) from error
    except ValidationError as error:
        sentence = f"{folder / CARD} isn't a model card: {first_fault(error)}."
        raise CorruptModelError(sentence) from error
    if (card.name, str(card.version)) != (folder.parent.name, folder.name):
        raise CorruptModelError(
            f"{folder}: its card is that of {card.name}/{card.version}, "
            "but the folders must be named after the model and the version."
        )
    return card


def _verify_files(folder: Path, card: ModelCard) -> None:
    read = {"saved_model.pb", *(f"variables/{f.name}" for f in folder.glob("variables/*"))}
    if not card.files.keys() >= read:
        unknown = ", ".join(sorted(read - card.files.keys()))
        raise CorruptModelError(f"{folder}: its card has no hash of {unknown}. Export it again.")
    for name, expected in card.files.items():
        try:
            found = hashlib.sha256((folder / name).read_bytes()).hexdigest()
        except OSError as error:
            raise unreadable(folder / name, error) from error
        if found != expected:
            raise CorruptModelError(
                f"{folder / name} isn't the file that its card describes (SHA-256 {found}, "
                f"expected {expected}). Copy the model again, or export it again."
            )
