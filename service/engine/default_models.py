"""The default models, which answer requests that name no model: a file names them."""

from collections.abc import Mapping
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from service.errors import CorruptModelError, first_fault, unreadable

DEFAULTS = "defaults.json"
"""The file in the folder of models: the name of each task's default model."""

_Names = TypeAdapter(dict[str, str])


def read_defaults(file: Path, models: Mapping[str, str | None]) -> dict[str, str]:
    """Return the names of the default models, by task.

    `file` says which model is a task's default. Without an entry there, a task that has only one
    model has that as its default, and a task with several has none: a model that somebody adds to
    the folder must not replace the one in use.

    Args:
        file: a JSON object of model names by task. It may be missing.
        models: the task of each model in the folder, by its name; None if it isn't known.

    Raises:
        CorruptModelError: the file can't be read, or it names a model that doesn't exist or that
            has another task.
    """
    configured = _read(file)
    for task, name in configured.items():
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
    return only | configured


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
