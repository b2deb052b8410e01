"""What the load tests' command lines share."""

import logging
import signal
import sys
from types import FrameType

import click


def begin() -> None:
    """Log warnings to standard error, and stop everything that was started when told to end."""
    logging.basicConfig(level=logging.WARNING, format="%(message)s", stream=sys.stderr)
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _end)


def say(line: str) -> None:
    """Tell how far it is, apart from the figures on standard output."""
    click.echo(line, err=True)


def _end(number: int, frame: FrameType | None) -> None:
    raise SystemExit(128 + number)
