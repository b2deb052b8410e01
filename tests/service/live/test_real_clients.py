"""The whole service with common clients: each gets the right answer."""

import http.client
import shutil
import socket
import subprocess
import urllib.error
import urllib.request
from collections.abc import Iterator

import httpx
import pytest

from tests.service.live.conftest import MAX_BODY_BYTES
from tests.service.live_server import LiveServer
from tests.service.transport.http1.wire import (
    GET_LIVEZ,
    connect,
    head,
    post,
    read_answer,
    read_to_the_end,
)

LARGE = bytes(10 * MAX_BODY_BYTES)
PATHS = {"/classify": 413, "/sentiment": 413, "/nowhere": 404, "/livez": 405, "/metrics": 405}

paths = pytest.mark.parametrize("path", PATHS)


@paths
def test_urllib_gets_the_answer_to_a_body_that_is_too_large(server: LiveServer, path: str) -> None:
    for _ in range(3):
        request = urllib.request.Request(server.url + path, LARGE, {"Content-Type": "image/png"})
        with pytest.raises(urllib.error.HTTPError) as caught:
            urllib.request.urlopen(request, timeout=30)
        with caught.value as answer:
            assert answer.code == PATHS[path]


@paths
def test_http_client_gets_it(server: LiveServer, path: str) -> None:
    for body in (LARGE, iter([LARGE[: 2**20]] * 20)):
        client = http.client.HTTPConnection("127.0.0.1", server.http_port, timeout=30)
        client.request("POST", path, body, {"Content-Type": "image/png"})
        assert client.getresponse().status == PATHS[path]
        client.close()


@paths
def test_httpx_gets_it_and_goes_on(server: LiveServer, path: str) -> None:
    def chunks() -> Iterator[bytes]:
        for _ in range(20):
            yield LARGE[: 2**20]

    with httpx.Client(base_url=server.url, timeout=30) as client:
        for body in (LARGE, chunks()):
            answer = client.post(path, content=body, headers={"content-type": "image/png"})
            assert answer.status_code == PATHS[path]
            assert client.get("/livez").status_code == 200


@paths
@pytest.mark.parametrize("connection", ["close", "keep-alive"])
def test_a_proxy_that_speaks_http_1_0_gets_it(
    wire: socket.socket, path: str, connection: str
) -> None:
    wire.sendall(post(LARGE, f"Connection: {connection}", path=path, version="1.0"))
    assert int(read_to_the_end(wire).split()[1]) == PATHS[path]


@pytest.mark.skipif(shutil.which("nc") is None, reason="there is no nc")
@pytest.mark.parametrize(
    "request_",
    [
        post(b"good film"),
        post(b"good film", version="1.0"),
        post(b"good " * 50_000),
        head("Transfer-Encoding: chunked") + b"9\r\ngood film\r\n0\r\n\r\n",
        GET_LIVEZ,
        b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"GET /docs.json HTTP/1.0\r\n\r\n",
    ],
)
def test_nc_closes_its_sending_side_and_is_answered(server: LiveServer, request_: bytes) -> None:
    command = ["nc", "-N", "127.0.0.1", str(server.http_port)]
    run = subprocess.run(command, input=request_, capture_output=True, timeout=60)
    assert run.stdout.startswith(b"HTTP/1.1 200"), run.stderr


def test_a_picture_in_the_model_is_answered_to_a_client_that_sends_no_more(
    wire: socket.socket, white: bytes
) -> None:
    wire.sendall(
        b"POST /classify?model=slow HTTP/1.0\r\nContent-Type: image/png\r\n"
        b"Content-Length: %d\r\n\r\n%s" % (len(white), white)
    )
    wire.shutdown(socket.SHUT_WR)
    answer = read_answer(wire)
    assert (answer.status, b'"slow"' in answer.body) == (200, True)


def test_endless_headers_are_refused_early(server: LiveServer) -> None:
    for path in ("/classify", "/livez", "/"):
        with connect(server.http_port) as wire:
            wire.sendall(b"GET %s HTTP/1.1\r\nHost: a\r\n" % path.encode())
            for _ in range(16):
                wire.sendall(b"X: %s\r\n" % (b"y" * 8000))
            answer = read_answer(wire)
            assert answer.status == 431
            assert answer.headers[b"content-type"] == b"application/problem+json"
            assert answer.headers[b"x-request-id"]


@pytest.mark.parametrize("path", ["/sentiment", "/livez", "/metrics", "/docs.json", "/nowhere"])
@pytest.mark.parametrize(
    ("lines", "status"),
    [
        ("Host: a\r\nTransfer-Encoding: gzip, chunked", 501),
        ("Content-Length: 0", 400),  # and no host
        ("Host: a\r\nHost: b", 400),
        ("Host: a\r\nContent-Length: 4\r\nTransfer-Encoding: chunked", 400),
    ],
)
def test_what_a_proxy_could_understand_otherwise_is_refused(
    wire: socket.socket, path: str, lines: str, status: int
) -> None:
    start = f"POST {path} HTTP/1.1\r\nContent-Type: text/plain\r\n{lines}\r\n\r\n"
    wire.sendall(start.encode() + b"4\r\ngood\r\n0\r\n\r\n" + GET_LIVEZ)
    answer = read_answer(wire)
    assert answer.status == status
    assert answer.headers[b"connection"] == b"close"
    assert wire.recv(1) == b""


def test_nothing_of_this_leaves_a_traceback(server: LiveServer) -> None:
    assert "Traceback" not in server.log
