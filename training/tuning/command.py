"""`python -m training tune NAME`."""

import logging
from pathlib import Path

import click
from rich.console import Console

from training.files import write_atomically
from training.trials.settings import Length
from training.trials.subjects import NAMES, subject


@click.command("tune")
@click.argument("name", type=click.Choice(NAMES))
@click.option(
    "--minutes",
    type=click.FloatRange(min=0, min_open=True),
    default=10.0,
    show_default=True,
    help="Time for the search. It may end a little later, since a trial ends with its next report.",
)
@click.option(
    "--examples",
    type=click.IntRange(min=100),
    default=10_000,
    show_default=True,
    help="Training examples in a trial: the first ones. Half as many are for validation.",
)
@click.option(
    "--passes",
    type=click.FloatRange(min=0, min_open=True),
    default=6.0,
    show_default=True,
    help="How often a trial sees each of them, whatever its batch size.",
)
@click.option(
    "--study",
    type=click.Path(dir_okay=False, path_type=Path),
    help="File of the trials. A search goes on where an earlier one in the same file ended.  "
    "[default: build/tuning/NAME.journal]",
)
@click.option("--seed", type=int, default=0, show_default=True, help="Makes the trials repeatable.")
def tune_command(
    name: str, minutes: float, examples: int, passes: float, study: Path | None, seed: int
) -> None:
    """Look for better settings of a model's training.

    Trials are measured on validation data. At the end the best settings and the usual ones are
    trained once more, and only these two are measured on the test part. A picture of the search is
    written beside the file of the trials.

    The search is over the learning rate, the optimizer, the batch size from single examples to all
    at once, the activation and the weight decay; for classifiers over dropout, label smoothing and
    augmentation, too. The sentiment model can't be tuned like this: its trials would take minutes
    each.

    \b
    Search for ten minutes, and then for ten more:
        python -m training tune fashion
        python -m training tune fashion
    Give a trial more data and time:
        python -m training tune digits --examples 50000 --passes 10 --minutes 120
    """  # noqa: D301 - click wants the character itself
    # Late: TensorFlow and Optuna take seconds to come up.
    from training.tuning import outcome
    from training.tuning.search import open_study, search

    # TensorFlow warns of functions that it traces again: here each belongs to another model.
    logging.getLogger("tensorflow").setLevel(logging.ERROR)
    file = study or Path(f"build/tuning/{name}.journal")
    tuned, length = subject(name), Length(examples, round(examples * passes))
    trials = open_study(tuned, length, file, seed)
    search(trials, tuned, length, minutes, seed, say=lambda trial: click.echo(outcome.line(trial)))
    best = outcome.best_settings(trials, tuned)
    Console().print(outcome.table(trials, tuned))
    picture = file.with_suffix(".png")
    write_atomically(picture, outcome.picture(trials, tuned))
    click.echo(outcome.compared(best, tuned, length, seed))
    click.echo(outcome.command(best, tuned))
    click.echo(f"Picture: {picture}. Trials: {file}.")
