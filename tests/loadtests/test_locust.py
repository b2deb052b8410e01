"""Short real runs of the load test, against real servers and servers that answer wrongly."""

import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tests.loadtests.fake_server import fake_server, overloaded_grpc_server, silent_grpc_server
from tests.service.live_server import ROOT, LiveServer, free_port

PATIENT = ("--max-p95", "60000")  # nothing here is about speed
POSITIVE = {"label": "positive", "embedding": [0.0] * 32}
HTTP_NAMES = {
    f"/{task}{kind}"
    for task in ("classify", "sentiment", "embed")
    for kind in ("", " (several)", " (bad)")
}
HTTP_NAMES.add("/generate")
GRPC_NAMES = {"Classify", "Sentiment", "Embed", "Generate", "Classify (bad)"}
WAIT_SECONDS = 60


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    """A ready server of the shipped models."""
    with LiveServer(tmp_path_factory.mktemp("server"), ROOT / "models") as server:
        yield server.wait_until_ready()


def _command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "locust", "-f", "loadtests/locustfile.py", *arguments]


def _load(url: str, *arguments: str, users: int = 5, duration: str = "2s") -> tuple[int, str]:
    """Run locust headless; return its exit status and what it printed."""
    command = _command("--headless", "--host", url, "--users", str(users), "--spawn-rate", "100")
    run = subprocess.run(
        [*command, "--run-time", duration, *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=WAIT_SECONDS,
    )
    return run.returncode, run.stdout + run.stderr


def test_a_run_with_a_server_of_its_own_passes_and_writes_a_report(tmp_path: Path) -> None:
    report = tmp_path / "new" / "report.html"
    run = subprocess.run(
        [
            *(sys.executable, "-m", "loadtests.run_locust", "--users", "100", "--duration", "8s"),
            *("--report", str(report), *PATIENT),
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=240,
    )
    assert run.returncode == 0, run.stdout + run.stderr
    assert f"The report is in {report}." in run.stdout
    written = report.read_text()
    for name in HTTP_NAMES | GRPC_NAMES:
        assert name in written


def test_a_run_that_is_ended_early_leaves_no_server_behind(tmp_path: Path) -> None:
    log = tmp_path / "log"
    with log.open("wb") as output:
        runner = psutil.Popen(
            [sys.executable, "-m", "loadtests.run_locust", "--report", str(tmp_path / "r.html")],
            cwd=ROOT,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    give_up = time.monotonic() + 240
    while b"All users spawned" not in log.read_bytes() and runner.poll() is None:
        assert time.monotonic() < give_up, log.read_text()
        time.sleep(0.2)
    started = runner.children(recursive=True)
    assert any("bentoml" in " ".join(process.cmdline()) for process in started)
    runner.send_signal(signal.SIGTERM)
    assert runner.wait(WAIT_SECONDS) == 128 + signal.SIGTERM
    assert not psutil.wait_procs(started, WAIT_SECONDS)[1]


def test_wrong_labels_fail_a_run() -> None:
    with fake_server(200, POSITIVE) as url:
        status, output = _load(url, *PATIENT, "--max-error-rate", "1", "HttpClient", users=30)
    assert status == 1
    assert "samples of classify were answered wrongly" in output
    assert "requests failed" not in output  # only the labels were wrong


def test_errors_fail_a_run() -> None:
    with fake_server(500, POSITIVE) as url:
        status, output = _load(url, *PATIENT, "HttpClient")
    assert status == 1
    assert "requests failed (100.00%)" in output


@pytest.mark.parametrize("client", ["HttpClient", "GrpcClient"])
def test_users_come_back_only_when_an_overloaded_server_said(client: str) -> None:
    with fake_server(429, {}) as url, overloaded_grpc_server() as grpc_target:
        arguments = ("--grpc-host", grpc_target, *PATIENT, client)
        status, output = _load(url, *arguments, users=20, duration="4s")
    assert status == 1
    failed = re.search(r"(\d+) of \d+ requests failed \(100.00%\)", output)
    assert failed is not None, output
    # Each user sends one request and waits, except those who sent a bad request. Without
    # Retry-After each would send ten.
    assert 20 <= int(failed[1]) < 40


def test_nobody_there_fails_a_run_of_either_protocol() -> None:
    nobody = f"127.0.0.1:{free_port()}"
    status, output = _load(f"http://{nobody}", "--grpc-host", nobody, *PATIENT)
    assert status == 1
    assert "requests failed (100.00%)" in output
    assert "UNAVAILABLE" in output


def test_calls_that_are_never_answered_are_no_success() -> None:
    with silent_grpc_server() as grpc_target:
        arguments = ("--grpc-host", grpc_target, *PATIENT, "GrpcClient")
        status, output = _load("http://127.0.0.1", *arguments)
    assert status == 1
    assert "No request was made." in output


def test_a_p95_over_its_limit_fails_a_run() -> None:
    with fake_server(200, POSITIVE) as url:
        status, output = _load(url, "--max-p95", "0", "HttpClient")
    assert status == 1
    assert "over the limit of 0 ms" in output


def _load_by_a_worker(url: str, *arguments: str, duration: str) -> tuple[int, str]:
    """Run a master and one worker; return the master's exit status and what it printed."""
    port = str(free_port())
    worker = subprocess.Popen(
        _command("--worker", "--master-port", port),
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        master = ("--master", "--master-bind-port", port, "--expect-workers", "1")
        status, output = _load(url, *master, *arguments, users=20, duration=duration)
        assert worker.wait(WAIT_SECONDS) == 0
        return status, output
    finally:
        worker.kill()
        worker.wait()


def test_a_distributed_run_passes(live: LiveServer) -> None:
    arguments = ("--grpc-host", live.grpc_target, "--stop-timeout", "10", *PATIENT)
    status, output = _load_by_a_worker(live.url, *arguments, duration="5s")
    assert status == 0, output
    assert "gRPC     Classify" in output


def test_wrong_labels_that_a_worker_saw_fail_a_distributed_run() -> None:
    with fake_server(200, POSITIVE) as url:
        arguments = (*PATIENT, "--max-error-rate", "1", "HttpClient")
        status, output = _load_by_a_worker(url, *arguments, duration="3s")
    assert status == 1
    assert "samples of classify were answered wrongly" in output
