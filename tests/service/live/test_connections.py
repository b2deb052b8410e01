"""HTTP/1.1 on the wire: requests that share a connection, come in pieces, or never end."""

import socket
import struct
import time

import httpx
import pytest

from tests.service.live_server import LiveServer
from tests.service.transport.http1.wire import GET_LIVEZ, connect, post, read_answer


def test_pipelined_requests_are_answered_in_their_order(wire: socket.socket) -> None:
    named = [post(b"good", path=f"/sentiment?model=m{i}") for i in range(3)]
    wire.sendall(named[0] + GET_LIVEZ + named[1] + named[2] + post(b"good"))
    answers = [read_answer(wire) for _ in range(5)]
    assert [answer.status for answer in answers] == [404, 200, 404, 404, 200]
    for name, place in (("m0", 0), ("m1", 2), ("m2", 3)):
        assert name.encode() in answers[place].body


def test_a_request_may_come_byte_by_byte(wire: socket.socket) -> None:
    for byte in post(b"a fine film"):
        wire.sendall(bytes([byte]))
    assert read_answer(wire).status == 200


def test_a_connection_serves_many_requests(wire: socket.socket) -> None:
    for _ in range(20):
        wire.sendall(post(b"a fine film"))
        assert read_answer(wire).status == 200


@pytest.mark.parametrize(
    "request_", [post(b"fine", "Connection: close"), post(b"fine", version="1.0")]
)
def test_the_connection_is_closed_when_the_client_wants_it(
    wire: socket.socket, request_: bytes
) -> None:
    wire.sendall(request_)
    assert read_answer(wire).status == 200
    assert wire.recv(1) == b""


def test_a_client_that_waits_for_a_word_before_its_body_gets_it(wire: socket.socket) -> None:
    head, _, body = post(b"a fine film", "Expect: 100-continue").partition(b"\r\n\r\n")
    wire.sendall(head + b"\r\n\r\n")
    assert wire.recv(100).startswith(b"HTTP/1.1 100")
    wire.sendall(body)
    assert read_answer(wire).status == 200


def test_a_chunked_body_is_read(wire: socket.socket) -> None:
    head = b"POST /sentiment HTTP/1.1\r\nHost: a\r\nContent-Type: text/plain\r\n"
    wire.sendall(head + b"Transfer-Encoding: chunked\r\n\r\n4\r\ngood\r\n5\r\n film\r\n0\r\n\r\n")
    assert read_answer(wire).status == 200


def test_a_path_may_be_percent_encoded(wire: socket.socket) -> None:
    wire.sendall(post(b"good", path="/%73entiment"))
    assert read_answer(wire).status == 200


def test_garbage_is_refused(wire: socket.socket) -> None:
    wire.sendall(b"\x16\x03\x01 nonsense\r\n\r\n")
    assert wire.recv(100).startswith(b"HTTP/1.1 400")


def test_a_client_may_vanish_in_the_midst_of_a_pipelined_answer(server: LiveServer) -> None:
    """The page is large, so it is still being written when the connection is reset."""
    for _ in range(5):
        with connect(server.http_port) as wire:
            wire.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            wire.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n" + GET_LIVEZ)
            wire.recv(12)
    time.sleep(0.5)
    assert "Traceback" not in server.log


def test_clients_that_vanish_do_no_harm(server: LiveServer, http: httpx.Client) -> None:
    """Some before the body is whole, some before the answer."""
    whole = post(b"a fine film" * 20)
    for cut in (30, len(whole) - 10, len(whole)):
        for _ in range(10):
            with socket.create_connection(("127.0.0.1", server.http_port)) as connection:
                connection.sendall(whole[:cut])
    answer = http.post("/sentiment", content="good", headers={"content-type": "text/plain"})
    assert answer.status_code == 200
    assert "Traceback" not in server.log
