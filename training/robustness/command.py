"""`python -m training attack`."""

from pathlib import Path

import click

from training.recipes import RECIPES
from training.study_command import run_study


@click.command("attack")
@click.argument("name", type=click.Choice(list(RECIPES)))
@click.argument("folder", required=False, type=click.Path(file_okay=False, path_type=Path))
def attack_command(name: str, folder: Path | None) -> None:
    """Attack a classifier and spoil its inputs; write into its card what it stands.

    FOLDER is the version that is attacked, by default models/NAME/1. Its figures, on the held-out
    data, are kept beside it in studies.json; robustness.png shows them. For a later version they
    are beside those of version 1, so attack that first. A few minutes.

    \b
        python -m training attack digits
        python -m training attack digits models/digits/2
    """  # noqa: D301 - click wants the character itself
    run_study("attack", name, folder, f"There is no attack on {name}: it isn't a classifier.")
