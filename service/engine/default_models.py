"""Which model answers where the caller names none: said by a file, not guessed from names."""

from collections.abc import Mapping
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from service.errors import CorruptModelError, first_fault, unreadable

DEFAULTS = "defaults.json"
"""The file beside the models: the default model of each task, by the task's name."""

_Names = TypeAdapter(dict[str, str])


def read_defaults(file: Path, models: Mapping[str, str | None]) -> dict[str, str]:
    """Return the default model of each task, by the task's name.

    A task has the default that `file` says, else the only model that it has. Among several models
    none is taken: a folder that somebody adds must not take the place of a model in use.

    Args:
        file: a JSON object of model names by task. There need not be one.
        models: the task of each model there is, by its name; None if the task isn't known.

    Raises:
        CorruptModelError: the file can't be read, or names a model that isn't there, or one of
            another task.
    """
    said = _read(file)
    for task, name in said.items():
        if models.get(name, "") not in (task, None):
            raise CorruptModelError(
                f"{file} says that {name!r} is the default for {task}, but there is no such model "
                "for that task: add the model, or change the file."
            )
    by_task: dict[str, list[str]] = {}
    for name, known_task in models.items():
        if known_task is not None:
            by_task.setdefault(known_task, []).append(name)
    only = {task: names[0] for task, names in by_task.items() if len(names) == 1}
    return only | said


def _read(file: Path) -> dict[str, str]:
    try:
        return _Names.validate_json(file.read_bytes())
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise unreadable(file, error) from error
    except ValidationError as error:
        raise CorruptModelError(
            f"{file} must be a JSON object of model names by task, for instance "
            f'{{"image_classification": "digits"}}: {first_fault(error)}.'
        ) from error
