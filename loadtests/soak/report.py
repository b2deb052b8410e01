"""The verdict on a soak, for the terminal and as JSON."""

import json
from collections import Counter
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

from rich.console import Console
from rich.table import Table

from loadtests.soak.figures import Change, changes, lost_at
from loadtests.soak.session import RECOVERY_SECONDS, Soak

MOST_GROWTH: Final = 1.05
"""How many times as large a figure may be at the end as after the warm-up."""


def changes_of(soak: Soak) -> list[Change]:
    """Return each figure after the warm-up and at the end."""
    return changes(soak.readings, soak.load, soak.early, soak.late)


def complaints(soak: Soak) -> list[str]:
    """Return what is wrong, apart from latencies: these depend on the rest of the machine."""
    _, lost = lost_at(soak.load, [(soak.killed, soak.killed + RECOVERY_SECONDS)])
    found = [f"{count} x {reason}" for reason, count in Counter(lost).most_common(10)]
    found += [
        f"{change.name}: {change.before:.0f} -> {change.after:.0f}"
        for change in changes_of(soak)
        if change.name not in ("p50", "p99") and change.ratio > MOST_GROWTH
    ]
    found += [f"a new series: {series}" for series in soak.new_series[:10]]
    return found + [f"in the log: {line}" for line in soak.log_errors[:10]]


def print_report(soak: Soak, console: Console) -> None:
    """Print everything that was measured."""
    killed, _ = lost_at(soak.load, [(soak.killed, soak.killed + RECOVERY_SECONDS)])
    hostile = int((soak.load.version == 0).sum())
    console.print(
        f"{soak.seconds / 60:.0f} minutes, {soak.rate:.0f} requests/s, {soak.swaps} swaps, "
        "one worker killed",
        f"{len(soak.load.due) - hostile} good requests answered, {hostile} hostile ones refused "
        f"as they must be; {len(killed)} failed when the worker was killed",
        f"The load itself: sent {1e3 * soak.load.lateness:.1f} ms late (p99), used "
        f"{soak.load.cpu_share:.0%} of a core",
        sep="\n",
        highlight=False,
    )
    table = Table("", "after the warm-up", "at the end", "ratio")
    for column in table.columns[1:]:
        column.justify = "right"
    for change in changes_of(soak):
        table.add_row(
            change.name, _figure(change, "before"), _figure(change, "after"), _ratio(change)
        )
    console.print(table)
    for complaint in complaints(soak):
        console.print(complaint, style="red", highlight=False, markup=False)


def write_json(soak: Soak, path: Path) -> None:
    """Write the figures and all readings."""
    content = {
        "seconds": soak.seconds,
        "rate": soak.rate,
        "swaps": soak.swaps,
        "answered": len(soak.load.due),
        "failures": [list(failure) for failure in soak.load.failures[:1000]],
        "changes": [asdict(change) | {"ratio": change.ratio} for change in changes_of(soak)],
        "complaints": complaints(soak),
        "readings": [_reading(soak, reading) for reading in soak.readings],
    }
    path.write_text(json.dumps(content, indent=2) + "\n")


def _reading(soak: Soak, reading: Any) -> dict[str, Any]:
    content = asdict(reading)
    return content | {"at": reading.at - soak.started}


def _figure(change: Change, which: str) -> str:
    value = getattr(change, which)
    if change.name.startswith("memory"):
        return f"{value / 1e6:.1f} MB"
    return f"{value:.1f} ms" if change.name.startswith("p") else f"{value:.0f}"


def _ratio(change: Change) -> str:
    return f"{change.ratio:.3f}"
