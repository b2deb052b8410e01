"""The figures of a run as tables for the terminal, and as JSON."""

import json
import math
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from loadtests.bench.figures import percentile
from loadtests.swaps.figures import Latency, Span, first_answers, growth, latency_in
from loadtests.swaps.session import Run

_MEGABYTE = 1_000_000


def latencies(run: Run) -> dict[str, Latency]:
    """Return the latency in each phase of a swap, over all swaps."""
    firsts = first_answers(run.load, run.swaps)
    switched = [
        (swap, swap.live if math.isnan(first) else swap.copied + first)
        for swap, first in zip(run.swaps, firsts, strict=True)
    ]
    spans: Mapping[str, list[Span]] = {
        "quiet": [(swap.settled, swap.quiet_end) for swap in run.swaps],
        "a version loads and warms up": [(swap.copied, at) for swap, at in switched],
        "its programs are timed": [(at, swap.settled) for swap, at in switched],
        "both of these": [(swap.copied, swap.settled) for swap in run.swaps],
    }
    found = {phase: latency_in(run.load, wanted) for phase, wanted in spans.items()}
    return {phase: latency for phase, latency in found.items() if latency is not None}


def has_failed(run: Run) -> bool:
    """Whether a request failed, or a caller saw an older version after a newer one."""
    return bool(run.load.failures or run.load.went_back)


def print_report(run: Run, console: Console) -> None:
    """Print everything that was measured."""
    load = run.load
    console.print(
        f"{len(run.swaps)} swaps of {run.model}, {run.rate:.0f} requests/s over HTTP and gRPC"
        + (f" ({run.best_rate:.0f}/s in a closed loop)" if run.best_rate else ""),
        f"{len(load.due)} answered, {len(load.failures)} failed, "
        f"{load.went_back} by an older version after a newer one",
        _first_answers(run),
        f"The load itself: sent {1e3 * load.lateness:.1f} ms late (p99), used "
        f"{load.cpu_share:.0%} of a core",
        f"Other programs used {run.foreign_load:.0%} of the machine",
        sep="\n",
        highlight=False,
    )
    for reason, count in Counter(reason for _, reason in load.failures).most_common(10):
        console.print(f"  {count} x {reason}", style="red", highlight=False, markup=False)
    console.print(_latency_table(run))
    console.print(_memory_table(run))
    for pid, slope in growth(run.memory).items():
        console.print(f"Worker {pid}: {slope / _MEGABYTE:+.2f} MB a swap", highlight=False)


def write_json(run: Run, path: Path) -> None:
    """Write the figures; of the single requests, only those that failed."""
    path.write_text(json.dumps(dict(_content(run)), indent=2) + "\n")


def _content(run: Run) -> Iterator[tuple[str, Any]]:
    load = run.load
    yield "model", run.model
    yield "foreign_load", run.foreign_load
    yield "rate", run.rate
    yield "best_rate", run.best_rate
    yield "watch_interval", run.watch_interval
    yield "answered", len(load.due)
    yield "failures", [list(failure) for failure in load.failures[:1000]]
    yield "failed", len(load.failures)
    yield "went_back", load.went_back
    yield "lateness_p99", load.lateness
    yield "cpu_share", load.cpu_share
    yield "latencies", {phase: asdict(latency) for phase, latency in latencies(run).items()}
    firsts = first_answers(load, run.swaps)
    yield "swaps", [asdict(s) | {"first_answer": f} for s, f in zip(run.swaps, firsts, strict=True)]
    yield "memory", [asdict(point) for point in run.memory]
    yield "growth", growth(run.memory)


def _first_answers(run: Run) -> str:
    found = [value for value in first_answers(run.load, run.swaps) if not math.isnan(value)]
    if not found:
        return "No new version answered the load."
    settled = [swap.settled - swap.copied for swap in run.swaps]
    return (
        f"From the last byte copied to the first answer: median {percentile(found, 0.5):.2f} s, "
        f"longest {max(found):.2f} s (the folder is looked at every {run.watch_interval} s); "
        f"until all programs are timed: median {percentile(settled, 0.5):.1f} s"
    )


def _latency_table(run: Run) -> Table:
    table = Table("Latency, ms", "requests", "p50", "p99", "p99.9", "longest")
    for column in table.columns[1:]:
        column.justify = "right"
    for phase, found in latencies(run).items():
        figures = (found.p50, found.p99, found.p999, found.most)
        table.add_row(phase, str(found.requests), *(f"{figure:.1f}" for figure in figures))
    return table


def _memory_table(run: Run) -> Table:
    table = Table("Memory, MB, after", *(f"worker {at + 1}" for at in range(_most_workers(run))))
    for point in run.memory:
        cells = (f"PSS {w.pss / _MEGABYTE:.0f}, USS {w.uss / _MEGABYTE:.0f}" for w in point.workers)
        table.add_row(f"{point.swaps} swaps", *cells)
    return table


def _most_workers(run: Run) -> int:
    return max((len(point.workers) for point in run.memory), default=0)
