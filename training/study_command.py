"""What the commands have in common that study a version: `attack` and `membership`."""

import time
from pathlib import Path

import click

from training.report import show
from training.trainers import trainer


def run_study(study: str, name: str, folder: Path | None, missing: str) -> None:
    """Run the function `study` of a model's module on a version, and print its card.

    Args:
        study: the function's name; it takes the version's folder and returns its card.
        name: of the model.
        folder: the version; by default models/NAME/1.
        missing: the error if the module has no such function.
    """
    function = getattr(trainer(name), study, None)
    if function is None:
        raise click.UsageError(missing)
    started = time.monotonic()
    target = folder or Path("models", name, "1")
    card = function(target)
    show(target, card, time.monotonic() - started)
