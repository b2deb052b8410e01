"""The models on disk, in TensorFlow Serving's layout: NAME/VERSION/saved_model.pb."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from service.core.card import ModelCard
from service.core.errors import CorruptModelError

CARD = "model.json"


@dataclass(frozen=True, slots=True)
class Artifact:
    """A model's folder and its card."""

    path: Path
    card: ModelCard


def read_artifacts(models: Path) -> list[Artifact]:
    """Read and verify every model below `models`, by name, then newest version first.

    Raises:
        CorruptModelError: there is no model, or one of them is incomplete or altered.
    """
    artifacts = [_read_artifact(folder) for folder in _version_folders(models)]
    if not artifacts:
        raise CorruptModelError(
            f"No model in {models}: expected NAME/VERSION/{CARD}. "
            "Train some with `make train`, or set TRIDENT_MODELS to the folder that has them."
        )
    return sorted(artifacts, key=lambda a: (a.card.name, -a.card.version))


def _version_folders(models: Path) -> Iterator[Path]:
    for name in sorted(models.iterdir() if models.is_dir() else ()):
        if name.is_dir():
            yield from (v for v in sorted(name.iterdir()) if v.is_dir() and v.name.isdecimal())


def _read_artifact(folder: Path) -> Artifact:
    try:
        card = ModelCard.model_validate_json((folder / CARD).read_bytes())
    except OSError as error:
        raise CorruptModelError(f"{folder / CARD} can't be read: {error.strerror}.") from error
    except ValidationError as error:
        raise CorruptModelError(f"{folder / CARD} isn't a model card: {error}") from error
    if (card.name, str(card.version)) != (folder.parent.name, folder.name):
        raise CorruptModelError(
            f"{folder} holds {card.name}/{card.version} by its card: "
            "the folders' names must be the model's name and version."
        )
    _verify_files(folder, card)
    return Artifact(folder, card)


def _verify_files(folder: Path, card: ModelCard) -> None:
    read = {"saved_model.pb", *(f"variables/{f.name}" for f in folder.glob("variables/*"))}
    if not card.files.keys() >= read:
        unknown = ", ".join(sorted(read - card.files.keys()))
        raise CorruptModelError(f"{folder}: its card gives no hash of {unknown}: export it again.")
    for name, expected in card.files.items():
        try:
            found = hashlib.sha256((folder / name).read_bytes()).hexdigest()
        except OSError as error:
            raise CorruptModelError(f"{folder / name} can't be read: {error.strerror}.") from error
        if found != expected:
            raise CorruptModelError(
                f"{folder / name} isn't the file that its card describes (SHA-256 {found}, "
                f"expected {expected}). Copy the model again, or export it again."
            )
