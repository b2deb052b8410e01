"""Clients that offer to upgrade are answered by HTTP/1.1, as if they hadn't offered."""

import json
import shutil
import socket
import subprocess
import time
from pathlib import Path

import pytest

from tests.service.live_server import ROOT, LiveServer
from tests.service.transport.http1.wire import GET_LIVEZ, head, post, post_chunked, read_answer

TEXT = b"a fine film"
OFFERS = {
    "h2c": (
        "Connection: Upgrade, HTTP2-Settings",
        "Upgrade: h2c",
        "HTTP2-Settings: AAEAAEAAAAIAAAABAAMAAABkAAQBAAAAAAUAAEAA",
    ),
    "TLS": ("Connection: upgrade", "Upgrade: TLS/1.2, HTTP/1.1"),
    "websocket": (
        "Connection: keep-alive, Upgrade",
        "Upgrade: websocket",
        "Sec-WebSocket-Version: 13",
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
    ),
    "two": ("Connection: Upgrade", "Upgrade: h2c", "Upgrade: websocket"),
    "nothing that is known": ("Connection: Upgrade", "Upgrade: tea/2"),
}

offers = pytest.mark.parametrize("offer", OFFERS)


@offers
@pytest.mark.parametrize("chunked", [False, True])
def test_the_body_is_read(wire: socket.socket, offer: str, chunked: bool) -> None:
    request = post_chunked([TEXT], *OFFERS[offer]) if chunked else post(TEXT, *OFFERS[offer])
    for _ in range(2):  # and the connection goes on
        wire.sendall(request)
        assert read_answer(wire).status == 200


@offers
def test_the_body_may_come_later(wire: socket.socket, offer: str) -> None:
    wire.sendall(head(f"Content-Length: {len(TEXT)}", *OFFERS[offer]))
    for byte in TEXT:
        time.sleep(0.01)
        wire.sendall(bytes([byte]))
    assert read_answer(wire).status == 200


@offers
def test_the_request_may_come_byte_by_byte(wire: socket.socket, offer: str) -> None:
    wire.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    for byte in post_chunked([TEXT[:4], TEXT[4:]], *OFFERS[offer]):
        wire.sendall(bytes([byte]))
    assert read_answer(wire).status == 200


@offers
@pytest.mark.parametrize("path", ["/livez", "/metrics", "/docs.json", "/"])
def test_a_request_without_a_body_may_offer_too(wire: socket.socket, offer: str, path: str) -> None:
    lines = (f"GET {path} HTTP/1.1", "Host: localhost", *OFFERS[offer])
    wire.sendall("\r\n".join(lines).encode() + b"\r\n\r\n" + GET_LIVEZ)
    assert wire.recv(12) == b"HTTP/1.1 200"


def test_a_large_body_is_read_whole(wire: socket.socket) -> None:
    text = b"good " * 100_000
    wire.sendall(post(text, *OFFERS["h2c"]))
    answer = read_answer(wire)
    assert answer.status == 200
    assert json.loads(answer.body)["truncated"]


def test_a_client_that_offers_and_waits_for_a_word_gets_it(wire: socket.socket) -> None:
    wire.sendall(head(f"Content-Length: {len(TEXT)}", "Expect: 100-continue", *OFFERS["h2c"]))
    assert wire.recv(100).startswith(b"HTTP/1.1 100")
    wire.sendall(TEXT)
    assert read_answer(wire).status == 200


def test_pipelined_offers_are_answered_in_their_order(wire: socket.socket) -> None:
    offering = [post(TEXT, *lines, path="/sentiment?model=m") for lines in OFFERS.values()]
    plain = [post(TEXT), GET_LIVEZ, post_chunked([TEXT])]
    wire.sendall(b"".join([*offering, *plain, *offering]))
    statuses = [read_answer(wire).status for _ in range(2 * len(offering) + 3)]
    assert statuses == [404] * len(offering) + [200] * 3 + [404] * len(offering)


def test_an_offer_without_a_connection_header_is_none(wire: socket.socket) -> None:
    wire.sendall(post(TEXT, "Upgrade: h2c"))
    assert read_answer(wire).status == 200


def test_a_tunnel_is_refused(wire: socket.socket) -> None:
    wire.sendall(b"CONNECT elsewhere:80 HTTP/1.1\r\nHost: elsewhere:80\r\n\r\n" + GET_LIVEZ)
    assert wire.recv(12) in (b"HTTP/1.1 400", b"HTTP/1.1 501")


@pytest.mark.skipif(shutil.which("curl") is None, reason="there is no curl")
@pytest.mark.parametrize("extra", [[], ["-H", "Transfer-Encoding: chunked"]])
def test_curl_may_prefer_http_2(server: LiveServer, extra: list[str]) -> None:
    if "HTTP2" not in subprocess.run(["curl", "-V"], capture_output=True, text=True).stdout:
        pytest.skip("this curl knows no HTTP/2")
    url = f"{server.url}/sentiment"
    command = ["curl", "-sS", "--http2", "-d", "good film", "-H", "Content-Type: text/plain"]
    run = subprocess.run([*command, *extra, url, url], capture_output=True, check=True, timeout=60)
    assert run.stdout.count(b'"label":"positive"') == 2, run.stdout


@pytest.mark.skipif(shutil.which("javac") is None, reason="there is no Java")
def test_javas_own_client_is_answered(server: LiveServer, tmp_path: Path) -> None:
    source = ROOT / "tests/service/PostTwice.java"
    subprocess.run(["javac", "-d", str(tmp_path), str(source)], check=True, timeout=120)
    command = ["java", "-cp", str(tmp_path), "PostTwice", f"{server.url}/sentiment", "good film"]
    run = subprocess.run(command, capture_output=True, text=True, check=True, timeout=120)
    lines = run.stdout.splitlines()
    assert [line[:3] for line in lines] == ["200", "200"], run.stdout
    assert all('"label":"positive"' in line for line in lines)
