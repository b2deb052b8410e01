"""What the commands print: what they are going to do, where a model is, and how good it is."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table

from training.recipes import ShippedModel

if TYPE_CHECKING:
    from training.card import Card, Metric


def show(folder: Path, card: "Card", seconds: float) -> None:
    """Print the files in `folder` with their total size, and the card's metrics."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    size = sum(path.stat().st_size for path in files)
    console = Console()
    console.print(f"\n[bold]{card.name}[/] version {card.version}, {seconds:.0f} s: {folder}")
    console.print(_metrics(card.metrics))
    names = ", ".join(path.relative_to(folder).as_posix() for path in files)
    console.print(f"{size / 1e6:.2f} MB in {len(files)} files: {names}", soft_wrap=True)


def show_plan(models: Sequence[ShippedModel], *, quick: bool) -> None:
    """Print how long the training of each of the models takes, and of all of them together."""
    table = Table("model", "recipe", "takes about", title="To be trained", title_justify="left")
    for model in models:
        changes = ", ".join(f"{field} {value}" for field, value in model.changes.items())
        table.add_row(
            f"{model.name} {model.version}", changes or "default", _duration([model], quick=quick)
        )
    table.add_section()
    table.add_row("all", "", _duration(models, quick=quick))
    console = Console()
    console.print(table)
    cores = "one core" if quick else "two cores"
    console.print(f"Measured on {cores} with nothing else to do, without fetching the data sets.")


def _duration(models: Sequence[ShippedModel], *, quick: bool) -> str:
    if quick:
        return f"{sum(model.quick_seconds for model in models)} s"
    return f"{sum(model.minutes for model in models)} min"


def _metrics(metrics: list["Metric"]) -> Table:
    table = Table("metric", "measured on", "value", "baseline", "note")
    for metric in metrics:
        baseline = metric.baseline
        table.add_row(
            metric.name.replace("_", " "),
            metric.dataset,
            f"{metric.value:.4g}",
            f"{baseline.value:.4g} ({baseline.name})" if baseline else "",
            metric.note or "",
        )
    return table
