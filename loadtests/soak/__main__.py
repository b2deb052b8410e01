"""The command line, `python -m loadtests.soak`."""

import sys
from pathlib import Path

import click
from rich.console import Console

from loadtests.bench.errors import BenchError
from loadtests.command_line import begin, say
from loadtests.soak.report import complaints, print_report, write_json
from loadtests.soak.session import run_soak


@click.command()
@click.option(
    "--minutes", type=click.FloatRange(2), default=10, show_default=True, help="How long it takes."
)
@click.option(
    "--rate",
    type=click.FloatRange(1),
    default=300,
    show_default=True,
    help="Requests a second, a quarter of them hostile.",
)
@click.option(
    "--output", type=click.Path(dir_okay=False, path_type=Path), help="JSON file for the figures."
)
def main(minutes: float, rate: float, output: Path | None) -> None:
    """Keep good and hostile traffic on a server, and see whether anything grows.

    It starts a server of two workers on free ports of 127.0.0.1, kills one of them, and lets a
    version of a model come or go each minute. The exit code is 1 if a good request fails (but for
    those of the killed worker), if a hostile one isn't refused as it must be, or if at the end
    memory, descriptors or threads are more than 5% above those after the warm-up, or `/metrics`
    has series that it hadn't after a minute.
    """
    begin()
    try:
        soak = run_soak(60 * minutes, rate, say)
    except BenchError as error:
        raise click.ClickException(str(error)) from error
    print_report(soak, Console())
    if output is not None:
        write_json(soak, output)
    sys.exit(bool(complaints(soak)))


if __name__ == "__main__":
    main()
