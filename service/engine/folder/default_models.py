"""The default models, which answer requests that name no model: a file names them."""

from collections.abc import Mapping
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from service.engine.folder.folder_files import read_small
from service.engine.folder.policy import MAX_CONFIGURATION
from service.errors import CorruptModelError, first_fault, unreadable

DEFAULTS = "defaults.json"
"""The file in the folder of models: the name of each task's default model."""

_Names = TypeAdapter(dict[str, str])


def read_defaults(file: Path, models: Mapping[str, str | None]) -> dict[str, str]:
    """Return the names of the default models that a file says, by task.

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
    return configured


def choose_defaults(
    configured: Mapping[str, str],
    models: Mapping[str, str | None],
    before: Mapping[str, str],
) -> dict[str, str]:
    """Return the names of all default models, by task.

    Without an entry in the file, a task that has only one model has that as its default, and a task
    with several has none: a model that somebody adds to the folder must not replace the one in use.
    Nor does it end the use of that one as the default: one that was the default stays it.

    Args:
        configured: what the file says.
        models: the task of each model in the folder, by its name; None if it isn't known.
        before: the defaults until now; none when the service starts.
    """
    only = {task: names[0] for task, names in _by_task(models).items() if len(names) == 1}
    kept = {task: name for task, name in before.items() if models.get(name, "") in (task, None)}
    return {**only, **kept, **configured}


def undecided_defaults(
    file: Path,
    configured: Mapping[str, str],
    models: Mapping[str, str | None],
    defaults: Mapping[str, str],
) -> list[str]:
    """Return a sentence for each default that the service wouldn't have after a new start."""
    return [
        f"{' and '.join(names)} have the task {task}, and {file} doesn't say which is the default. "
        f"{defaults[task]} is the default until the service starts again: name one in the file."
        for task, names in _by_task(models).items()
        if len(names) > 1 and task in defaults and task not in configured
    ]


def _by_task(models: Mapping[str, str | None]) -> dict[str, list[str]]:
    """Return the names of the models of each task, without those whose task isn't known."""
    by_task: dict[str, list[str]] = {}
    for name, task in sorted(models.items()):
        if task is not None:
            by_task.setdefault(task, []).append(name)
    return by_task


def _read(file: Path) -> dict[str, str]:
    try:
        return _Names.validate_json(read_small(file, MAX_CONFIGURATION))
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise unreadable(file, error) from error
    except ValidationError as error:
        raise CorruptModelError(
            f"{file} must be a JSON object of model names by task, for instance "
            f'{{"image_classification": "digits"}}: {first_fault(error)}.'
        ) from error
