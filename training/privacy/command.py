"""`python -m training membership`."""

from pathlib import Path

import click

from training.recipes import RECIPES
from training.study_command import run_study


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
    missing = f"There is no such study of {name}: it isn't a classifier of pictures."
    run_study("membership", name, folder, missing)
