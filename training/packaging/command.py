"""`python -m training package`."""

import re
from pathlib import Path
from typing import Any

import click

RANGES = ["0..1", "-1..1", "0..255"]
TASKS = ["image_classification", "text_classification", "tensors"]


class Size(click.ParamType[tuple[int, int]]):
    """HEIGHTxWIDTH."""

    name = "HEIGHTxWIDTH"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[int, int]:
        """The two numbers."""
        match = re.fullmatch(r"([1-9]\d{0,4})x([1-9]\d{0,4})", value)
        if match is None:
            self.fail(f"{value!r} isn't a size: write 224x224.", param, ctx)
        return int(match[1]), int(match[2])


FILE = click.Path(path_type=Path)


@click.command("package")
@click.argument("source", type=FILE)
@click.option("--name", required=True, help="The model's name: it answers at /models/NAME.")
@click.option(
    "--task", type=click.Choice(TASKS), help="What it does.  [default: by its inputs and outputs]"
)
@click.option("--labels", help="The labels in the order of the outputs: a,b,c.")
@click.option("--labels-file", type=FILE, help="The same as a text file, one a line.")
@click.option(
    "--range",
    "value_range",
    type=click.Choice(RANGES),
    help="The pixels that the model was trained on.  [default: 0..255 if it scales them itself, "
    "else 0..1]",
)
@click.option("--size", type=Size(), help="The pictures' size, if the model takes any.")
@click.option(
    "--activation",
    type=click.Choice(["softmax", "sigmoid", "none"]),
    help="What the model lacks at its end.  [default: softmax or sigmoid, if neither is there]",
)
@click.option("--signature", help="Which is served, of a SavedModel that has several.")
@click.option(
    "--samples",
    multiple=True,
    type=FILE,
    help="Inputs whose answers are kept with the model, 32 or 1 MiB at most: pictures or a folder "
    "of them, a text file with a text a line, or an .npz file of tensors.  [default: random ones]",
)
@click.option(
    "--import",
    "modules",
    multiple=True,
    metavar="MODULE",
    help="A module of yours that registers the model's own classes.",
)
@click.option(
    "--version",
    type=click.IntRange(min=1),
    help="Number of the version.  [default: the next free one; with --replace the newest]",
)
@click.option(
    "--output",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("models"),
    show_default=True,
    help="Folder of all models.",
)
@click.option(
    "--replace",
    "may_replace",
    is_flag=True,
    help="Replace a version that is there already, once the new one is complete.",
)
def package_command(**options: Any) -> None:
    """Package a Keras model of yours, so that it can be served.

    SOURCE is a .keras file, an HDF5 file (.h5, .hdf5; of Keras 2 too) or the folder of a
    SavedModel. The command reads its inputs and outputs, proposes whatever else it needs, and
    says what it proposes.

    \b
        python -m training package flowers.keras --name flowers --labels daisy,rose,tulip
        python -m training package export/1 --name ranking --task tensors
    """  # noqa: D301 - click wants the character itself
    from training import package

    labels = options.pop("labels")
    options["labels"] = _labels(labels, options.pop("labels_file"))
    package(say=click.echo, **options)


def _labels(said: str | None, file: Path | None) -> list[str] | None:
    if said is not None and file is not None:
        raise click.UsageError("Give --labels or --labels-file, not both.")
    if file is not None:
        from training.packaging.choices import read_lines

        return read_lines(file)
    return None if said is None else said.split(",")
