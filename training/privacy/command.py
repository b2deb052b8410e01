"""`python -m training membership`."""

import time
from pathlib import Path

import click

from training.recipes import RECIPES
from training.report import show
from training.trainers import trainer


@click.command("membership")
@click.argument("name", type=click.Choice(list(RECIPES)))
@click.argument("folder", required=False, type=click.Path(file_okay=False, path_type=Path))
def membership_command(name: str, folder: Path | None) -> None:
    """Measure what a classifier of pictures tells about those that it was trained on.

    FOLDER is the version that is attacked, by default models/NAME/1: by its losses, and by a
    likelihood ratio with models that are trained alike on random halves. The figures are kept
    beside it in studies.json, and are in its card. Ten minutes on one core.

    \b
        python -m training membership digits
        python -m training membership digits models/digits/3
    """  # noqa: D301 - click wants the character itself
    study = getattr(trainer(name), "membership", None)
    if study is None:
        raise click.UsageError(
            f"There is no such study of {name}: it isn't a classifier of pictures."
        )
    started = time.monotonic()
    target = folder or Path("models", name, "1")
    card = study(target)
    show(target, card, time.monotonic() - started)
