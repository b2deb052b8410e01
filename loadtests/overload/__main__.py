"""The command line, `python -m loadtests.overload`."""

import sys
from pathlib import Path

import click
from rich.console import Console

from loadtests.bench.errors import BenchError
from loadtests.clients.samples import TASKS
from loadtests.command_line import begin, say
from loadtests.overload.report import complaints, print_report, write_json
from loadtests.overload.session import run_overload


@click.command()
@click.option(
    "--task",
    type=click.Choice(TASKS),
    default="classify",
    show_default=True,
    help="What is asked of the server.",
)
@click.option(
    "--seconds",
    type=click.FloatRange(2),
    default=10,
    show_default=True,
    help="How long each load lasts.",
)
@click.option(
    "--output", type=click.Path(dir_okay=False, path_type=Path), help="JSON file for the figures."
)
def main(task: str, seconds: float, output: Path | None) -> None:
    """Measure what becomes of a server that gets up to 10 times as much as it can answer.

    It starts a server of one worker on free ports of 127.0.0.1, finds what it can answer in a
    closed loop, and sends multiples of that at random times over HTTP and gRPC. With two cores the
    server has one of them, and the load the other. The exit code is 1 if the goodput, the latency
    or the memory isn't as docs/promises.md says.
    """
    begin()
    try:
        run = run_overload(task, seconds, say)
    except BenchError as error:
        raise click.ClickException(str(error)) from error
    print_report(run, Console())
    if output is not None:
        write_json(run, output)
    sys.exit(bool(complaints(run)))


if __name__ == "__main__":
    main()
