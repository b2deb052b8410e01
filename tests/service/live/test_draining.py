"""The end of an HTTP server: its time is limited, and all accepted requests are answered."""

import shutil
import socket
import ssl
import subprocess
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from service.transport.closing_port import refuse_connections
from service.transport.http1 import server
from tests.service.live.small_http_server import (
    LARGE,
    SLOW,
    Asker,
    SmallHttpServer,
    listen,
    trusting,
)
from tests.service.live_server import wait_for
from tests.service.transport.http1.wire import connect, head, post, read_answer

LONG = 60.0  # seconds; everything here must take less
SHORT = 0.5
PATIENCE = 20.0

State = Callable[[int], socket.socket]


def opened(*parts: bytes) -> State:
    """Return a function that opens a connection and sends something over it."""

    def open_(port: int) -> socket.socket:
        wire = connect(port)
        for part in parts:
            wire.sendall(part)
        return wire

    return open_


def idle(port: int) -> socket.socket:
    wire = opened(post(b"?"))(port)
    assert read_answer(wire).status == 200
    return wire


WITHOUT_REQUEST: dict[str, State] = {
    "nothing sent": opened(),
    "idle": idle,
    "half a request line": opened(b"POST /sent"),
    "half the headers": opened(head("Content-Length: 1000")[:-10]),
}
UNDER_WAY: dict[str, State] = {
    "no body": opened(head("Content-Length: 1000")),
    "half a body": opened(head("Content-Length: 1000") + b"half"),
    "half a large body": opened(head("Content-Length: 1000000") + bytes(100_000)),
    "half a chunked body": opened(head("Transfer-Encoding: chunked") + b"5\r\nhel"),
    "an answer that isn't read": opened(LARGE),
    "answers that aren't read": opened(LARGE * 3),
}


def stop(*servers: SmallHttpServer) -> float:
    """Stop servers; return the seconds that it took."""
    started = time.monotonic()
    for small in servers:
        small.begin_to_stop()
    assert all(small.ended(PATIENCE) for small in servers), "it goes on"
    return time.monotonic() - started


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Give idle connections less time than in service."""
    monkeypatch.setattr(server, "_IDLE_SECONDS", 0.2)


@pytest.mark.parametrize("workers", [1, 2])
def test_a_busy_server_ends_and_answers_all_whom_it_let_in(workers: int) -> None:
    for _ in range(5):
        listening = listen()
        port = listening.getsockname()[1]
        servers = [SmallHttpServer(listening, drain_timeout=LONG) for _ in range(workers)]
        listening.close()  # as the supervisor does
        askers = [Asker(port) for _ in range(16)]
        time.sleep(0.2)
        stop(*servers)
        seen: Counter[str] = Counter()
        for asker in askers:
            asker.join(PATIENCE)
            seen += asker.seen
        assert set(seen) == {"200", "ConnectionRefusedError"}, seen


def test_in_the_grace_all_are_let_in_and_told_that_their_connection_ends() -> None:
    """Until the supervisor has the kernel refuse connections; here it is the test."""
    with listen() as listening:
        port = listening.getsockname()[1]
        small = SmallHttpServer(listening, grace=1.0, drain_timeout=LONG)
        askers = [Asker(port) for _ in range(4)]
        with idle(port) as kept:
            small.begin_to_stop()
            while not small.stops:
                time.sleep(0.001)
            before = [asker.seen["200"] for asker in askers]
            kept.sendall(post(b"?"))
            answer = read_answer(kept)
            assert (answer.status, answer.headers[b"connection"]) == (200, b"close")
        with connect(port) as new:
            new.sendall(post(b"?"))
            answer = read_answer(new)
            assert (answer.status, answer.headers[b"connection"]) == (200, b"close")
        assert not small.ended(0.5)
        assert all(asker.last for asker in askers)
        refuse_connections(listening)
        assert small.ended(PATIENCE)
    for asker, count in zip(askers, before, strict=True):
        asker.join(PATIENCE)
        assert set(asker.seen) == {"200", "ConnectionRefusedError"}
        assert asker.seen["200"] > count


def test_a_process_that_ends_alone_leaves_the_port_to_the_others() -> None:
    with listen() as listening:
        port = listening.getsockname()[1]
        leaving, staying = [
            SmallHttpServer(listening, grace=0.1, drain_timeout=LONG) for _ in range(2)
        ]
        stop(leaving)
        for _ in range(5):
            idle(port).close()
        refuse_connections(listening)
        stop(staying)


def test_what_the_kernel_has_accepted_can_still_be_taken() -> None:
    with listen() as listening:
        port = listening.getsockname()[1]
        with connect(port) as wire:
            wire.sendall(b"hello")
            refuse_connections(listening)
            refuse_connections(listening)  # another process does the same
            with pytest.raises(ConnectionRefusedError):
                connect(port)
            with listening.accept()[0] as taken:
                assert taken.recv(5) == b"hello"
                taken.sendall(b"good day")
                assert wire.recv(8) == b"good day"


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("state", WITHOUT_REQUEST)
def test_a_connection_without_a_request_holds_nothing_up(state: str) -> None:
    with listen() as listening:
        small = SmallHttpServer(listening, drain_timeout=LONG)
        with WITHOUT_REQUEST[state](listening.getsockname()[1]) as wire:
            assert stop(small) < PATIENCE
            assert wire.recv(1) == b""


@pytest.mark.parametrize("state", UNDER_WAY)
def test_a_request_that_never_ends_is_cut_off(state: str) -> None:
    with listen() as listening:
        small = SmallHttpServer(listening, drain_timeout=SHORT)
        with UNDER_WAY[state](listening.getsockname()[1]):
            time.sleep(0.2)
            assert stop(small) >= SHORT


def test_without_time_to_drain_it_ends_at_once() -> None:
    with listen() as listening:
        small = SmallHttpServer(listening, drain_timeout=0)
        port = listening.getsockname()[1]
        with opened(head("Content-Length: 1000"))(port), idle(port), connect(port):
            assert stop(small) < PATIENCE


@pytest.mark.parametrize("state", UNDER_WAY)
def test_a_forced_end_waits_for_nobody(state: str) -> None:
    with listen() as listening:
        small = SmallHttpServer(listening, drain_timeout=LONG)
        with UNDER_WAY[state](listening.getsockname()[1]):
            time.sleep(0.2)
            small.begin_to_stop()
            assert not small.ended(0.5)
            small.force()
            assert small.ended(PATIENCE)


def test_a_request_under_way_is_answered_and_its_connection_closed() -> None:
    with listen() as listening:
        small = SmallHttpServer(listening, drain_timeout=LONG)
        with opened(SLOW)(listening.getsockname()[1]) as wire:
            time.sleep(0.1)
            stop(small)
            answer = read_answer(wire)
            assert (answer.status, answer.headers[b"connection"]) == (200, b"close")
            assert wire.recv(1) == b""


def test_a_request_on_its_way_to_an_idle_connection_is_answered() -> None:
    with listen() as listening:
        small = SmallHttpServer(listening, drain_timeout=LONG)
        with idle(listening.getsockname()[1]) as wire:
            small.begin_to_stop()
            while not small.stops:
                time.sleep(0.001)
            wire.sendall(post(b"?"))
            answer = read_answer(wire)
            assert (answer.status, answer.headers[b"connection"]) == (200, b"close")
            assert wire.recv(1) == b""
        assert small.ended(PATIENCE)


def test_connections_that_wait_in_the_kernel_are_taken_and_answered() -> None:
    """They came before the stop, all at once, so that not all of them were taken yet."""
    with listen() as listening:
        port = listening.getsockname()[1]
        wires = [opened(post(b"?"))(port) for _ in range(50)]
        small = SmallHttpServer(listening, drain_timeout=LONG)
        stop(small)
        for wire in wires:
            with wire:
                assert read_answer(wire).status == 200


def refuses(port: int) -> bool:
    """Tell whether connections are refused."""
    try:
        connect(port).close()
    except ConnectionRefusedError:
        return True
    return False


def test_nobody_waits_in_the_kernel_after_the_last_process_stopped() -> None:
    listening = listen()
    port = listening.getsockname()[1]
    small = SmallHttpServer(listening, drain_timeout=LONG)
    listening.close()
    with opened(SLOW)(port):
        small.begin_to_stop()
        wait_for(lambda: refuses(port), PATIENCE)
    assert small.ended(PATIENCE)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate and its key, in one file."""
    if shutil.which("openssl") is None:
        pytest.skip("openssl isn't installed: no certificate for TLS")
    file = tmp_path_factory.mktemp("tls") / "both.pem"
    subject = ("-subj", "/CN=localhost", "-days", "2")
    files = ("-keyout", file, "-out", file.with_suffix(".crt"))
    command = ("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", *subject, *files)
    subprocess.run(command, check=True, capture_output=True, timeout=60)
    file.write_text(file.read_text() + file.with_suffix(".crt").read_text())
    return file


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("asks", [False, True])
def test_a_tls_client_that_never_says_goodbye_holds_nothing_up(
    certificate: Path, *, asks: bool
) -> None:
    with listen() as listening:
        small = SmallHttpServer(listening, drain_timeout=LONG, certificate=certificate)
        wire = trusting().wrap_socket(connect(listening.getsockname()[1]))
        with wire:
            if asks:
                wire.sendall(post(b"?"))
                assert read_answer(wire).status == 200
            assert stop(small) < PATIENCE


@pytest.mark.usefixtures("impatient")
def test_a_client_that_never_begins_with_tls_holds_nothing_up(certificate: Path) -> None:
    with listen() as listening:
        small = SmallHttpServer(listening, drain_timeout=LONG, certificate=certificate)
        with connect(listening.getsockname()[1]):
            time.sleep(0.1)
            assert stop(small) < PATIENCE


def test_a_tls_request_that_never_ends_is_cut_off(certificate: Path) -> None:
    with listen() as listening:
        small = SmallHttpServer(listening, drain_timeout=SHORT, certificate=certificate)
        with trusting().wrap_socket(connect(listening.getsockname()[1])) as wire:
            wire.sendall(head("Content-Length: 1000") + b"half")
            time.sleep(0.2)
            assert stop(small) >= SHORT
            with suppress(ConnectionResetError, ssl.SSLError):
                assert wire.recv(1) == b""
