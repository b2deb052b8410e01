"""The command line, `python -m loadtests.stops`."""

import signal
import statistics
import sys
from collections import Counter
from collections.abc import Sequence

import click

from loadtests.bench.errors import BenchError
from loadtests.command_line import begin
from loadtests.stops.session import CLIENTS, Stop, stop_under_load


@click.command()
@click.option(
    "--client",
    "clients",
    type=click.Choice(CLIENTS),
    multiple=True,
    help="A kind of client; may be repeated. [default: all]",
)
@click.option(
    "--requests",
    type=click.IntRange(1),
    default=10_000,
    show_default=True,
    help="Stop again until each kind of client has this many answers.",
)
@click.option("--workers", type=click.IntRange(1), default=2, show_default=True)
@click.option(
    "--ctrl-c", is_flag=True, help="Stop by SIGINT to the whole process group instead of SIGTERM."
)
@click.option(
    "--seconds",
    type=click.FloatRange(0.1),
    default=2.0,
    show_default=True,
    help="How long the load lasts before each stop.",
)
def main(
    clients: Sequence[str], requests: int, workers: int, *, ctrl_c: bool, seconds: float
) -> None:
    """Stop a server under full load, again and again, and count the requests that are lost.

    Sixteen callers send their next request after each answer, until they are refused. The exit
    code is 1 if a request was lost.
    """
    begin()
    number = signal.SIGINT if ctrl_c else signal.SIGTERM
    lost = 0
    try:
        for client in clients or CLIENTS:
            stops: list[Stop] = []
            while sum(stop.answered for stop in stops) < requests:
                stops.append(stop_under_load(client, workers, number, seconds))
            lost += _print(client, stops)
    except BenchError as error:
        raise click.ClickException(str(error)) from error
    sys.exit(bool(lost))


def _print(client: str, stops: Sequence[Stop]) -> int:
    """Print a line; return how many requests were lost."""
    lost = sum((Counter(stop.lost) for stop in stops), Counter[str]())
    click.echo(
        f"{client}: {len(stops)} stops, {sum(stop.answered for stop in stops)} answered, "
        f"{sum(stop.refused for stop in stops)} refused, {lost.total()} lost; "
        f"{statistics.median(stop.seconds for stop in stops):.1f} s a stop"
    )
    for what, count in lost.most_common():
        click.echo(f"    {count} x {what}")
    return lost.total()


if __name__ == "__main__":
    main()
