"""A model's labels before a move, to put them back if the version can't be served after all."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from service.engine.folder.labels import move_label
from service.engine.folder.policy import CANARY, default_policy, read_policy
from service.errors import UnknownModelError, quoted, unreadable


@dataclass(frozen=True, slots=True)
class Labels:
    """The labels in a model's `serving.json`: the version of each, and the canary's share."""

    versions: Mapping[str, int]
    canary_share: float


def read_labels(models: Path, name: str) -> Labels:
    """Return the labels in a model's file; none if it has no file.

    Raises:
        UnknownModelError: there is no folder of that model.
        CorruptModelError: the file can't be read, or has a fault.
    """
    try:
        names = {folder.name for folder in models.iterdir() if folder.is_dir()}
    except OSError as error:
        raise unreadable(models, error) from error
    if name not in names:
        raise UnknownModelError(f"There is no model {quoted(name)} in the folder of models.")
    policy = read_policy(models / name, default_policy(0))
    return Labels(policy.labels, policy.canary_share)


def put_back(models: Path, name: str, label: str, version: int, before: Labels) -> bool:
    """Undo the move of a label to a version. Return False if the label has been moved on.

    Raises:
        UnknownModelError, CorruptModelError, UnwritableModelsError: as `move_label` does.
    """
    if read_labels(models, name).versions.get(label) != version:
        return False
    for moved in dict.fromkeys((label, CANARY)):  # the canary ends when `stable` gets its version
        place = before.versions.get(moved)
        share = before.canary_share if moved == CANARY and place is not None else None
        if read_labels(models, name).versions.get(moved) != place:
            move_label(models, name, moved, place, share)
    return True
