"""The command line, `python -m loadtests.swaps`."""

import sys
from pathlib import Path

import click
from rich.console import Console

from loadtests.bench.errors import BenchError
from loadtests.command_line import begin, say
from loadtests.swaps.report import has_failed, print_report, write_json
from loadtests.swaps.session import TASKS, run_swaps


@click.command()
@click.option(
    "--model",
    type=click.Choice(list(TASKS)),
    default="digits",
    show_default=True,
    help="The model of which new versions come.",
)
@click.option(
    "--swaps",
    type=click.IntRange(1),
    default=50,
    show_default=True,
    help="How many versions go live, one after another.",
)
@click.option(
    "--rate",
    type=click.FloatRange(1),
    help="Requests a second. [default: 40% of what the machine can do, which is measured first]",
)
@click.option(
    "--output", type=click.Path(dir_okay=False, path_type=Path), help="JSON file for the figures."
)
def main(model: str, swaps: int, rate: float | None, output: Path | None) -> None:
    """Measure what it costs the callers that new versions of a model go live.

    It starts a server of two workers on free ports of 127.0.0.1 and sends requests over HTTP and
    gRPC all the time. The exit code is 1 if a request fails, or if a caller gets an answer by an
    older version after one by a newer version.
    """
    begin()
    try:
        run = run_swaps(model, swaps, rate, say)
    except BenchError as error:
        raise click.ClickException(str(error)) from error
    print_report(run, Console())
    if output is not None:
        write_json(run, output)
    sys.exit(has_failed(run))


if __name__ == "__main__":
    main()
