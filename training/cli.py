"""The command line, `python -m training`."""

import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import reduce
from pathlib import Path
from typing import Any

import click
from rich.logging import RichHandler

from training.comparison.command import compare_command
from training.errors import ArtifactError, DownloadError, TrainingError
from training.options import BatchSize, adversarial_option, private_option
from training.packaging.command import package_command
from training.privacy.command import membership_command
from training.recipes import QUICK_EXAMPLES, RECIPES, SHIPPED, Recipe
from training.report import show, show_plan
from training.robustness.command import attack_command
from training.trainers import trainer
from training.tuning.command import tune_command

FOLDER = click.Path(file_okay=False, path_type=Path)
MODELS = Path("models")
QUICK_MODELS = Path("build/quick-models")
"""Where a smoke test writes, so that it never replaces a model that is served."""


class Commands(click.Group):
    """A group of commands that show expected failures as a message instead of a traceback."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command."""
        try:
            return super().invoke(ctx)
        except TrainingError as error:
            raise click.ClickException(str(error)) from error


@click.group(cls=Commands)
def main() -> None:
    """Train models and export them for serving, or package one of yours.

    \b
    Try everything, in a few minutes:
        python -m training all --quick
    Train the models of the repository, and replace those:
        python -m training all --replace
    Train one with another learning rate, as a version beside the others:
        python -m training digits --learning-rate 0.001 --version 4
    Have a Keras model of your own served:
        python -m training package flowers.keras --name flowers

    A model is written to OUTPUT/NAME/VERSION: a SavedModel, its card (model.json: its inputs and
    outputs, how it was made, how good it is on data it never saw) and pictures. Data sets are
    downloaded once, checked against pinned SHA-256 hashes, and kept in your cache folder or in
    $TRIDENT_CACHE.
    """  # noqa: D301 - click wants the character itself
    logging.basicConfig(format="%(message)s", handlers=[RichHandler(show_path=False)])
    logging.getLogger("training").setLevel(logging.INFO)


main.add_command(package_command)
main.add_command(attack_command)
main.add_command(membership_command)
main.add_command(tune_command)
main.add_command(compare_command)

output_option = click.option(
    "--output",
    type=FOLDER,
    help=f"Folder of all models.  [default: {MODELS}, with --quick {QUICK_MODELS}]",
)
version_option = click.option(
    "--version",
    type=click.IntRange(min=1),
    default=1,
    show_default=True,
    help="Number of the version to write.",
)
replace_option = click.option(
    "--replace",
    "may_replace",
    is_flag=True,
    help="Replace an existing version when the new one is complete.",
)
seed_option = click.option(
    "--seed",
    type=int,
    default=0,
    show_default=True,
    help="Makes the training repeatable, except for the noise of --private, which is secret.",
)
quick_option = click.option(
    "--quick",
    is_flag=True,
    help=f"Smoke test: one epoch on {QUICK_EXAMPLES:,} examples. The model isn't usable.",
)


def train(
    recipes: Mapping[str, Recipe],
    output: Path | None,
    *,
    may_replace: bool,
    options: dict[str, Any],
) -> None:
    """Train models; `options` are the fields of a `Recipe` that the user has set.

    Args:
        recipes: the recipe of each version, by NAME/VERSION.
        output: the folder of all models, if it isn't the usual one.
        may_replace: whether versions that are there already may be replaced.
        options: `quick`, and others that are None if they aren't set.

    Raises:
        ArtifactError: a version exists, and must not be replaced.
    """
    quick = options["quick"]
    models = output or (QUICK_MODELS if quick else MODELS)
    if not (may_replace or (quick and output is None)):
        for version in recipes:
            check_unused(models / version)
    asked = {field: value for field, value in options.items() if value is not None}
    for version, recipe in recipes.items():
        started = time.monotonic()
        usual = recipe.for_privacy() if asked.get("private") else recipe
        chosen = replace(usual.quickly() if quick else usual, **asked)
        folder = models / version
        card = trainer(folder.parent.name).train(chosen, folder)
        show(folder, card, time.monotonic() - started)


def check_unused(folder: Path) -> None:
    """Raise ArtifactError if there is a version in `folder` already."""
    if folder.exists():
        raise ArtifactError(
            f"{folder} already exists: choose another --version or --output, or add --replace."
        )


def training_command(name: str, description: str, *options: Callable[[Any], Any]) -> None:
    """Add the command that trains the model called `name`; `options` are its own ones."""
    recipe = RECIPES[name]

    def add_options(command: Callable[..., None]) -> Callable[..., None]:
        return reduce(lambda wrapped, option: option(wrapped), reversed(options), command)

    @main.command(name, help=description)
    @click.option(
        "--epochs",
        type=click.IntRange(min=1),
        help=f"Passes over the training examples.  [default: {recipe.epochs}]",
    )
    @click.option(
        "--batch-size",
        type=BatchSize(),
        help="Examples per step: 1 is single-sample (stochastic) gradient descent, more is "
        f"mini-batch, 'full' (or 0) is full-batch.  [default: {recipe.batch_size}]",
    )
    @click.option(
        "--learning-rate",
        type=click.FloatRange(min=0, min_open=True),
        help="The highest rate: it rises to this (warm-up), then falls along a cosine. "
        f"[default: {recipe.learning_rate}]",
    )
    @click.option(
        "--optimizer",
        type=click.Choice(["adam", "sgd"]),
        help="Adam, or plain gradient descent without momentum, which needs a learning rate "
        f"about fifty times as high.  [default: {recipe.optimizer}]",
    )
    @add_options
    @output_option
    @version_option
    @replace_option
    @seed_option
    @quick_option
    def command(output: Path | None, version: int, *, may_replace: bool, **options: Any) -> None:
        recipes = {f"{name}/{version}": RECIPES[name]}
        train(recipes, output, may_replace=may_replace, options=options)


training_command(
    "digits",
    "Train the digit classifier, a small convolutional network, on MNIST. About ten minutes on "
    "two cores.",
    adversarial_option,
    private_option,
)
training_command(
    "sentiment",
    "Train the sentiment classifier, a recurrent network, on IMDB reviews, sentences and contrast "
    "pairs. A quarter of an hour on one core.",
)
training_command(
    "embedding",
    "Train the autoencoder whose code of 32 numbers describes a digit, on MNIST. Half an "
    "hour on two cores.",
)
training_command(
    "generator",
    "Train the generator of digits, a conditional GAN, on MNIST. About ten minutes of "
    "processor time. The models digits and embedding of the repository judge what it makes.",
)
training_command(
    "fashion",
    "Train a classifier of clothes, the digits' network and training, on Fashion-MNIST. A quarter "
    "of an hour on two cores.",
    private_option,
)
training_command(
    "cifar",
    "Train a classifier of colour photos, a small residual network, on CIFAR-10. Two to "
    "three hours on two cores.",
)


@main.command("all")
@click.argument("names", nargs=-1, type=click.Choice(sorted({model.name for model in SHIPPED})))
@output_option
@replace_option
@seed_option
@quick_option
def train_all(
    names: tuple[str, ...], output: Path | None, *, may_replace: bool, **options: Any
) -> None:
    """Train the models of the repository, or those of them that are named.

    It says first how long each takes.
    """
    chosen = [model for model in SHIPPED if not names or model.name in names]
    show_plan(chosen, quick=options["quick"])
    recipes = {f"{model.name}/{model.version}": model.recipe for model in chosen}
    train(recipes, output, may_replace=may_replace, options=options)


@main.command()
def fetch() -> None:
    """Download the data sets into the cache and check them, so that training needs no network."""
    from training.data import cache, cifar, fashion, imdb, lexicon, mnist, word_vectors

    there = f"in {cache.folder()}, hash as pinned"
    needed: dict[str, Callable[[], object]] = {
        "MNIST": mnist.load,
        "IMDB and Rotten Tomatoes": imdb.load,
        "GloVe word vectors": word_vectors.load,
        "VADER lexicon": lexicon.load,
    }
    for name, load in needed.items():
        load()
        click.echo(f"{name}: {there}")
    for name, data in {"Fashion-MNIST": fashion, "CIFAR-10": cifar}.items():
        try:
            data.load()
            click.echo(f"{name}: {there}")
        except DownloadError as error:
            click.echo(f"{name}: skipped. {error}")


@main.command()
@click.argument("folders", nargs=-1, type=FOLDER)
@click.option(
    "--output", type=FOLDER, default=MODELS, show_default=True, help="Folder of all models."
)
def evaluate(folders: tuple[Path, ...], output: Path) -> None:
    """Measure exported models again and rewrite their cards and pictures.

    FOLDERS are versions, such as models/digits/1; the default is all in OUTPUT. Every figure is
    computed with the SavedModel itself on the held-out data. Only the figures of trained baselines
    are kept from the training.
    """
    from training.card import TrainingRecord

    chosen = folders or sorted(path.parent for path in output.glob("*/*/training.json"))
    if not chosen:
        raise ArtifactError(f"There is no model in {output}: train one, or name its folder.")
    for folder in chosen:
        started = time.monotonic()
        card = trainer(TrainingRecord.read(folder).name).evaluate(folder)
        show(folder, card, time.monotonic() - started)
