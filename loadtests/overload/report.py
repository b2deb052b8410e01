"""The figures of a run as tables for the terminal, and as JSON; and whether they are good."""

import dataclasses
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from rich.console import Console
from rich.table import Table

from loadtests.overload.session import LARGE_CLIENTS, LARGE_ITEMS, Run, Step

_MEGABYTE: Final = 1_000_000

GOODPUT_SHARE: Final = 0.9
"""The least goodput in a flood, as a share of the best."""
LATENCY_FACTOR: Final = 2.0
"""The longest p99 of accepted requests in a flood, as a multiple of that at capacity."""
NORMAL_SECONDS: Final = 1.0
MEMORY_GROWTH: Final = 64 * _MEGABYTE


def complaints(run: Run) -> list[str]:
    """Return what isn't as promised, a sentence each."""
    return [line for protocol in run.capacity for line in _complaints(run, protocol)]


def _complaints(run: Run, protocol: str) -> Iterator[str]:
    steps = [step for step in run.steps if step.protocol == protocol]
    best = max(run.capacity[protocol].goodput, *(step.during.goodput for step in steps))
    at_capacity = max(step.during.p99 for step in steps if step.factor == 1)
    for step in steps:
        where = f"{protocol} at {step.factor:g} times the capacity"
        if step.during.goodput < GOODPUT_SHARE * best:
            yield f"{where}: goodput is {step.during.goodput / best:.0%} of the best."
        if step.during.p99 > LATENCY_FACTOR * at_capacity:
            yield f"{where}: p99 is {step.during.p99 / at_capacity:.1f} times that at capacity."
        if step.after.abnormal > NORMAL_SECONDS:
            yield f"{where}: back to normal only after {step.after.abnormal:.1f} s."
        if step.memory > run.memory + MEMORY_GROWTH:
            yield f"{where}: {(step.memory - run.memory) / _MEGABYTE:.0f} MB more memory."
        if step.during.lost or step.after.lost:
            yield f"{where}: {step.during.lost + step.after.lost} requests were lost."


def print_report(run: Run, console: Console) -> None:
    """Print everything that was measured."""
    for protocol, found in run.capacity.items():
        console.print(
            f"{run.task} over {protocol}, closed loop: {found.goodput:.0f}/s, "
            f"p50 {1e3 * found.p50:.1f} ms, p99 {1e3 * found.p99:.1f} ms",
            highlight=False,
        )
    console.print(_table(run))
    for part, found in run.returns.items():
        share = found.returned_good / found.returned if found.returned else float("nan")
        console.print(
            f"Of {found.returned} refused requests that came again after {part:g} of the time they "
            f"were told, {share:.0%} were let in",
            highlight=False,
        )
    console.print(
        f"Single inputs: p99 {_ms(run.alone.p99)} ms alone, {_ms(run.beside.p99)} ms beside "
        f"{LARGE_CLIENTS} clients that send {LARGE_ITEMS} at a time",
        "The server and the load had cores of their own."
        if run.separate
        else "The server and the load shared the cores.",
        sep="\n",
        highlight=False,
    )
    for line in complaints(run):
        console.print(line, style="red", highlight=False)


def write_json(run: Run, path: Path) -> None:
    """Write everything as JSON."""
    path.write_text(json.dumps(dataclasses.asdict(run), indent=1) + "\n")


def _table(run: Run) -> Table:
    columns = (
        "offered",
        "good/s",
        "per core s",
        "p50 ms",
        "p99 ms",
        "refused",
        "not sent",
        "told s",
    )
    table = Table("", *columns, "normal s", "MB", "load")
    for column in table.columns[1:]:
        column.justify = "right"
    for step in run.steps:
        table.add_row(*_cells(step))
    return table


def _cells(step: Step) -> Iterator[str]:
    during = step.during
    yield step.protocol
    yield f"{step.factor:g} x"
    yield f"{during.goodput:.0f}"
    yield f"{step.per_core_second:.0f}"
    yield _ms(during.p50)
    yield _ms(during.p99)
    yield str(during.refused)
    yield str(during.unsent)
    yield "-" if not during.refused else " ".join(f"{told:.2g}" for told in during.retry_after)
    yield f"{step.after.abnormal:.2f}"
    yield f"{step.memory / _MEGABYTE:.0f}"
    yield f"{step.cpu_share:.0%}"


def _ms(seconds: float) -> str:
    return f"{1e3 * seconds:.1f}"
