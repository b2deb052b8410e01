"""The time limits for HTTP clients, in the whole service."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.service.live_server import LiveServer
from tests.service.transport.http1.stalled import STALLED, assert_timed_out
from tests.service.transport.http1.wire import connect, head, post, read_answer, read_to_the_end


@pytest.fixture(scope="module")
def strict(shipped_models: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    """The service with limits that a test can wait for."""
    limits = {"header_timeout": 2, "stall_timeout": 2, "min_transfer_rate": 1000}
    with LiveServer(tmp_path_factory.mktemp("strict"), shipped_models, **limits) as live:
        yield live.wait_until_ready()


def test_the_service_keeps_its_limits(strict: LiveServer) -> None:
    stalled = [
        *STALLED.values(),
        head("Content-Length: 100000", path="/metrics") + b"four",
        head("Content-Length: 100000", path="/docs.json") + b"four",
    ]
    wires = [connect(strict.http_port) for _ in stalled]
    for wire, sent in zip(wires, stalled, strict=True):
        wire.sendall(sent)
    for wire in wires:
        with wire:
            answer = read_to_the_end(wire)
        if not answer.startswith((b"HTTP/1.1 404", b"HTTP/1.1 405")):  # answered at once
            assert_timed_out(answer)
    assert "Traceback" not in strict.log


@pytest.mark.skipif(sys.platform != "linux", reason="it reads Linux's table of connections")
def test_the_kernel_finds_out_when_a_clients_machine_has_vanished(strict: LiveServer) -> None:
    with connect(strict.http_port) as wire:
        wire.sendall(post(b"good"))
        assert read_answer(wire).status == 200
        ends = f"{strict.http_port:04X} 0100007F:{wire.getsockname()[1]:04X}"
        rows = Path("/proc/net/tcp").read_text().splitlines()
        (row,) = [row for row in rows if ends in row]
    assert row.split()[5].startswith("02:"), "no keep-alive timer runs"
