"""What needs no Docker engine: the image's health check, and ignored files."""

import os
import re
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.mmap_dict import MmapedDict, mmap_key

from tests.deployment.docker import ROOT

HEALTHCHECK = ROOT / "docker" / "healthcheck.py"

Check = Callable[[], "subprocess.CompletedProcess[str]"]


class Service(HTTPServer):
    """Answers /readyz as the service does."""

    ready = 200

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)


class _Handler(BaseHTTPRequestHandler):
    server: Service

    def do_GET(self) -> None:
        self.send_response(self.server.ready if self.path == "/readyz" else 401)
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def service() -> Iterator[Service]:
    with Service() as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def check(service: Service, tmp_path: Path) -> Check:
    """Run the health check, as a Docker engine does repeatedly."""
    environment = {"BENTOML_PORT": str(service.server_port), "TMPDIR": str(tmp_path)}

    def run() -> "subprocess.CompletedProcess[str]":
        command = [sys.executable, "-I", str(HEALTHCHECK)]
        return subprocess.run(
            command, env=os.environ | environment, capture_output=True, text=True, check=False
        )

    return run


def _set_exits(folder: Path, count: int) -> None:
    """Write how many workers have died since the service started, as its supervisor does."""
    folder.mkdir(exist_ok=True)
    file = MmapedDict(str(folder / "counter_1.db"))  # type: ignore[no-untyped-call]
    for cause, value in (("killed", count), ("crashed", 1)):
        key = mmap_key(
            "trident_worker_exits", "trident_worker_exits_total", ["cause"], [cause], "Help."
        )
        file.write_value(key, float(value), 0.0)  # type: ignore[no-untyped-call]
    file.close()  # type: ignore[no-untyped-call]


def test_a_service_that_is_not_ready_is_not_healthy(service: Service, check: Check) -> None:
    assert check().returncode == 0
    service.ready = 503
    assert check().returncode == 1
    service.shutdown()
    service.server_close()
    failed = check()
    assert failed.returncode == 1
    assert "Traceback" not in failed.stderr


def test_workers_that_die_again_and_again_are_not_healthy(check: Check, tmp_path: Path) -> None:
    metrics = tmp_path / "trident-metrics-a"
    for count in (0, 1, 2):
        _set_exits(metrics, count)
        assert check().returncode == 0
    _set_exits(metrics, 3)
    failed = check()
    assert failed.returncode == 1
    assert failed.stderr == "3 workers died in the last 10 minutes: see the log\n"
    # Ten minutes later.
    (history,) = tmp_path.glob("*.json")
    history.write_text(re.sub(r"\d{9,}\.\d+", "1000.0", history.read_text()))
    assert check().returncode == 0
    _set_exits(metrics, 5)
    assert check().returncode == 0
    _set_exits(tmp_path / "trident-metrics-b", 0)  # restarted
    assert check().returncode == 0


@pytest.mark.parametrize("file", ["docker/trident.env", "docker/.env"])
def test_an_operators_settings_are_not_committed(file: str) -> None:
    ignored = subprocess.run(["git", "check-ignore", "-q", file], cwd=ROOT, check=False)
    assert ignored.returncode == 0


def test_an_operators_settings_are_not_in_an_image() -> None:
    everything, *kept = [
        line
        for line in (ROOT / ".dockerignore").read_text().splitlines()
        if line and not line.startswith("#")
    ]
    assert everything == "*"
    assert not [line for line in kept if line.startswith("!docker") and "env" in line]
    assert "!docker/" not in kept
