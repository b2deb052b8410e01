"""The load test's command line, `python -m loadtests.run_locust`, for `make loadtest`."""

import signal
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from types import FrameType

import click

from loadtests.bench.errors import ServerFailedError
from loadtests.bench.requests import HOST
from loadtests.bench.servers import ROOT, Trident

LOCUSTFILE = Path(__file__).with_name("locustfile.py")
STOP_SECONDS = 10


@click.command(context_settings={"ignore_unknown_options": True})
@click.option("--host", help="Server to load, http://HOST:PORT. [default: start one]")
@click.option("--grpc-host", help="Its gRPC, HOST:PORT. [default: port 3001 of --host]")
@click.option("--users", default=100, show_default=True, help="Users at the same time.")
@click.option("--spawn-rate", default=20.0, show_default=True, help="Users that start per second.")
@click.option(
    "--duration", default="60s", show_default=True, help="Duration of the run: 90s, 10m, 1h30m."
)
@click.option(
    "--report",
    type=click.Path(dir_okay=False, path_type=Path),
    default=ROOT / "loadtests" / "results" / "locust.html",
    show_default="loadtests/results/locust.html",
    help="HTML report to write.",
)
@click.argument("locust_arguments", nargs=-1)
def main(
    host: str | None,
    grpc_host: str | None,
    users: int,
    spawn_rate: float,
    duration: str,
    report: Path,
    locust_arguments: tuple[str, ...],
) -> None:
    """Load a server as its clients do, and exit with 1 if it fails.

    Without --host, a server is started on free ports of 127.0.0.1 for it, and stopped afterwards.
    LOCUST_ARGUMENTS are passed on to locust, for instance --max-p95 100 --max-error-rate 0.
    """
    for signal_number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(signal_number, _exit)
    report.parent.mkdir(parents=True, exist_ok=True)
    report.unlink(missing_ok=True)
    arguments = [
        *("--users", str(users), "--spawn-rate", str(spawn_rate), "--run-time", duration),
        *("--html", str(report), *locust_arguments),
    ]
    if host is not None:
        status = run_locust(host, grpc_host, arguments)
    else:
        status = _run_with_server(arguments)
    if report.exists():
        click.echo(f"The report is in {report}.")
    sys.exit(status)


def run_locust(host: str, grpc_host: str | None, arguments: Sequence[str]) -> int:
    """Run locust headless in a separate process; return its exit status."""
    command = [
        *(sys.executable, "-m", "locust", "--locustfile", str(LOCUSTFILE)),
        *("--headless", "--only-summary", "--stop-timeout", str(STOP_SECONDS), "--host", host),
        *(("--grpc-host", grpc_host) if grpc_host else ()),
        *arguments,
    ]
    return subprocess.run(command, cwd=ROOT, check=False).returncode  # noqa: S603 - our own words


def _run_with_server(arguments: Sequence[str]) -> int:
    with (
        tempfile.TemporaryDirectory(prefix="trident-loadtest-") as folder,
        Trident(ROOT / "models", Path(folder)) as server,
    ):
        click.echo("Starting a server.")
        try:
            server.wait_until_ready()
        except ServerFailedError as error:
            raise click.ClickException(str(error)) from None
        return run_locust(f"http://{HOST}:{server.port}", f"{HOST}:{server.grpc_port}", arguments)


def _exit(signal_number: int, _: FrameType | None) -> None:
    """Exit with an exception, so that everything that was started is stopped."""
    sys.exit(128 + signal_number)


if __name__ == "__main__":
    main()
