"""`python -m training compare`."""

import json
import logging
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import click

from training.comparison.changes import LENGTH, QUICK_LENGTH, TABLES
from training.files import write_atomically
from training.trials.settings import Length

SEEDS = 3
QUICK_TEST = 500
DOCS = Path("docs")
QUICK_DOCS = Path("build/quick-comparison")


@click.command("compare")
@click.argument("names", nargs=-1, type=click.Choice(list(TABLES)))
@click.option(
    "--output",
    type=click.Path(file_okay=False, path_type=Path),
    help=f"Folder of choosing.json.  [default: {DOCS}, with --quick {QUICK_DOCS}]",
)
@click.option("--quick", is_flag=True, help="Smoke test: the figures mean nothing.")
def compare_command(names: Sequence[str], output: Path | None, *, quick: bool) -> None:
    """Measure what raises a model's quality, and the kinds of gradient descent.

    The digits' network learns to tell clothes apart (Fashion-MNIST) from few pictures, so that
    differences are larger than chance. Each change is trained with three seeds and measured on the
    10,000 test pictures. The figures go into choosing.json, and into docs/choosing.md.

    \b
    Measure all again, about 20 minutes on one core:
        python -m training compare
    Only the kinds of gradient descent:
        python -m training compare descent
    """  # noqa: D301 - click wants the character itself
    from training.comparison import document

    folder = output or (QUICK_DOCS if quick else DOCS)
    length, seeds = (QUICK_LENGTH, 2) if quick else (LENGTH, SEEDS)
    # TensorFlow warns of functions that it traces again: here each belongs to another model.
    logging.getLogger("tensorflow").setLevel(logging.ERROR)
    path = folder / document.MEASURED
    tables = json.loads(path.read_text("utf-8"))["tables"] if path.exists() else {}
    for name in names or TABLES:
        tables[name] = _measured(name, length, seeds, quick=quick)
        _write(path, length, seeds, tables)
        click.echo(document.comparison(tables[name]))
    if folder == DOCS:
        document.main()


def _measured(name: str, length: Length, seeds: int, *, quick: bool) -> list[dict[str, Any]]:
    # Late: TensorFlow takes seconds to come up.
    from training.comparison.measuring import Comparison
    from training.data import fashion
    from training.fashion import CLOTHES
    from training.trials.classifiers import ClassifierTrials

    data = fashion.load()
    if quick:
        data = replace(data, test=data.test[:QUICK_TEST])
    comparison = Comparison(ClassifierTrials(CLOTHES, data), length, range(seeds))
    rows = []
    for row in comparison.rows(TABLES[name], votes=name == "quality"):
        click.echo(f"{row.change}: {row.accuracies}, {row.seconds:.0f} s", err=True)
        rows.append(asdict(row))
    return rows


def _write(path: Path, length: Length, seeds: int, tables: dict[str, Any]) -> None:
    from training.card import libraries

    content = {
        "data": "Fashion-MNIST",
        **asdict(length),
        "seeds": seeds,
        "libraries": libraries(),
        "tables": tables,
    }
    write_atomically(path, (json.dumps(content, indent=2) + "\n").encode())
