"""The results as tables for the terminal and as JSON."""

from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import orjson
from rich.console import Console
from rich.table import Table

from loadtests.bench.figures import Load, Measurement
from loadtests.bench.photos import CONNECTIONS, PHOTO_CONNECTIONS
from loadtests.bench.results import Results
from loadtests.bench.targets import Target, judge

BUSY = 0.1
"""If other programs use more than this share of the machine, the figures aren't trusted."""

_MEGABYTE = 1_000_000
_WIDTH = 116  # if the output isn't a terminal, which would know its width


def describe_machine(results: Results) -> str:
    """Return where and when it was measured, in one line."""
    machine = results.machine
    return f"{machine.cores} cores, {machine.processor}, {results.date}"


def print_report(results: Results, console: Console) -> None:
    """Print everything that was measured."""
    console.print(describe_machine(results), highlight=False)
    if results.foreign_load > BUSY:
        console.print(
            f"Other programs used {results.foreign_load:.0%} of the machine before the start: "
            "these figures are unreliable.",
            style="bold red",
            highlight=False,
        )
    for table in _tables(results):
        if table.row_count:
            title, table.title = table.title, None  # it would be wrapped to the table's width
            console.print(f"\n{title}", style="bold", highlight=False)
            console.print(table)


def make_console() -> Console:
    """Return a console on standard output, wide enough for the tables."""
    console = Console()
    return console if console.is_terminal else Console(width=_WIDTH)


def write_json(results: Results, path: Path) -> None:
    """Write everything that was measured, and the targets."""
    targets = [asdict(target) | {"verdict": target.verdict} for target in judge(results)]
    content: dict[str, Any] = {"results": results, "targets": targets}
    path.write_bytes(orjson.dumps(content, option=orjson.OPT_INDENT_2) + b"\n")


def _tables(results: Results) -> Iterator[Table]:
    yield _loads("Closed loop", [m for m in results.measurements if m.rate is None], results)
    yield _photos(results)
    yield _open_loop([m for m in results.measurements if m.rate is not None])
    yield _ceiling(results)
    yield _cold_start(results)
    yield _memory(results)
    yield _targets(judge(results))


def _loads(title: str, measurements: list[Measurement], results: Results) -> Table:
    table = _table(title, "load", "at once", "server", *_FIGURES, "ratio")
    for one in measurements:
        stock = results.find(_same_by_stock(one.load))
        ratio = one.requests_per_second / stock.requests_per_second if stock else None
        shown = f"{ratio:.1f}x" if ratio and one.load.server != "stock" else ""
        concurrency = str(one.load.concurrency)
        table.add_row(_name(one.load), concurrency, one.load.server, *_figures(one), shown)
    return table


def _photos(results: Results) -> Table:
    table = _table(
        f"Beside photos: /classify, small images, {CONNECTIONS} at once, while "
        f"{PHOTO_CONNECTIONS} connections post 12 megapixels each",
        *("server", "photos/s", *_FIGURES[:-1], "photo p50 ms", "photo errors"),
    )
    for server, one in results.photos.items():
        photos = one.photos
        table.add_row(server, "none", *_figures(one.alone)[:-1])
        latency, errors = f"{photos.p50:.0f}", f"{photos.errors:,}"
        rate = f"{photos.requests_per_second:.1f}"
        table.add_row(server, rate, *_figures(one.beside)[:-1], latency, errors)
    return table


def _open_loop(measurements: list[Measurement]) -> Table:
    columns = ("share", "due/s", "server", *_FIGURES, "late p99", "client")
    table = _table(
        "Open loop, /classify: latency from the scheduled time; the client's lateness and CPU",
        *columns,
    )
    for one in measurements:
        share, rate = f"{one.load.rate_share or 0:.0%}", f"{one.rate or 0:,.0f}"
        late, client = f"{one.lateness or 0:.2f}", f"{one.client_cpu or 0:.0%}"
        table.add_row(share, rate, one.load.server, *_figures(one), late, client)
    return table


_FIGURES = ("answered/s", "p50 ms", "p99 ms", "p99.9 ms", "errors", "CPU s/1,000")


def _figures(one: Measurement) -> list[str]:
    latencies = [f"{value:.2f}" for value in (one.p50, one.p99, one.p999)]
    rate, cpu = f"{one.requests_per_second:,.0f}", f"{one.cpu_per_1000:.2f}"
    return [rate, *latencies, f"{one.errors:,}", cpu]


def _name(load: Load) -> str:
    if load.protocol == "grpc":
        return f"gRPC, {load.inputs_per_request} a call"
    return f"/{load.endpoint}"


def _same_by_stock(load: Load) -> Load:
    return Load("stock", load.endpoint, load.protocol, load.inputs_per_request, load.concurrency)


def _ceiling(results: Results) -> Table:
    table = _table("Ceiling: the models in a loop on all cores, no server", "model of", "inputs/s")
    for endpoint, rate in results.ceiling.items():
        table.add_row(f"/{endpoint}", f"{rate:,.0f}")
    return table


def _cold_start(results: Results) -> Table:
    table = _table("Cold start, three models", "server", "to ready s", "to an answer of each s")
    for server, one in results.cold_start.items():
        table.add_row(server, f"{one.ready:.1f}", f"{one.answered:.1f}")
    return table


def _memory(results: Results) -> Table:
    columns = ("process", "once warm MB", "after the load MB", "all processes MB")
    table = _table("Memory, three models", *columns)
    if results.memory:
        memory = results.memory
        for server, warm in memory.warm_worker.items():
            loaded, total = memory.loaded_worker[server], memory.loaded_total[server]
            table.add_row(f"{server}'s worker", *map(_megabytes, (warm, loaded, total)))
        table.add_row("only TensorFlow and the models", _megabytes(memory.bare), "", "")
    return table


def _targets(targets: list[Target]) -> Table:
    table = _table("Targets", "what", "wanted", "measured", "")
    for one in targets:
        sign = "at least" if one.at_least else "at most"
        wanted, measured = f"{sign} {one.wanted:.3f}", f"{one.measured:.3f}"
        table.add_row(one.what, wanted, measured, one.verdict)
    return table


def _table(title: str, *columns: str) -> Table:
    table = Table(title=title)
    for column in columns:
        words = column in ("load", "server", "process", "what", "model of", "")
        table.add_column(column, justify="left" if words else "right")
    return table


def _megabytes(count: int) -> str:
    return f"{count / _MEGABYTE:,.0f}"
