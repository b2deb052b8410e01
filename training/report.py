"""What a command prints at its end: where a model was written, and how good it is."""

from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table

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
