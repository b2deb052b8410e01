"""Requests of both protocols as bytes that are made in advance, and their answers.

A generator must cost much less than the server that it floods. So it knows only as much of HTTP/1.1
and of HTTP/2 as Trident's own answers need.
"""

import socket
import struct
from dataclasses import dataclass
from typing import Final, Protocol

from loadtests.bench.requests import HOST, Request
from loadtests.clients.bodies import make_bodies
from loadtests.clients.calls import make_request
from loadtests.swaps.callers import METHODS
from service.transport.grpc.status import StatusCode
from service.transport.http2.headers import encoded_field

STREAMS: Final = 100
"""Calls at a time on a connection of HTTP/2."""

_DATA, _HEADERS, _RST_STREAM, _SETTINGS, _PING, _GOAWAY, _WINDOW_UPDATE = 0, 1, 3, 4, 6, 7, 8
_END_STREAM, _ACK, _END_HEADERS = 0x1, 0x1, 0x4
_MOST_WINDOW: Final = 2**31 - 1
_STATUS: Final = {encoded_field("grpc-status", str(int(code))): int(code) for code in StatusCode}
_PUSHBACK: Final = encoded_field("grpc-retry-pushback-ms", "")[:-1]


class WireError(Exception):
    """The server closed the connection, or answered what can't be read."""


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer: to which request of the connection, whether it is a good one, or a refusal.

    `retry_after` is in seconds, as a refusal says it.
    """

    number: int
    is_good: bool
    is_refusal: bool
    retry_after: float = 0.0


class Wire(Protocol):
    """A connection. It never blocks."""

    room: int
    """How many more requests may be sent now."""

    def fileno(self) -> int:
        """Return the socket's number."""

    def send(self) -> int:
        """Send a request. Return its number on this connection."""

    def receive(self) -> list[Reply]:
        """Read the answers that have arrived. Raises WireError."""

    def close(self) -> None:
        """Close it."""


class HttpWire:
    """HTTP/1.1, with one request at a time."""

    def __init__(self, port: int, request: bytes) -> None:
        """Connect."""
        self._socket = _connect(port)
        self._request = request
        self._received = b""
        self._number = 0
        self.room = 1

    def fileno(self) -> int:
        """Return the socket's number."""
        return self._socket.fileno()

    def send(self) -> int:
        """Send a request."""
        self.room = 0
        self._number += 1
        self._socket.sendall(self._request)
        return self._number

    def receive(self) -> list[Reply]:
        """Read the answer, if it is whole."""
        self._received += _read(self._socket)
        head, end, body = self._received.partition(b"\r\n\r\n")
        if not end:
            return []
        lower = head.lower()
        if len(body) < int(_header(lower, b"content-length") or 0):
            return []
        self._received, self.room = b"", 1
        status = int(head[9:12])
        return [
            Reply(
                self._number,
                status == 200,
                status == 429,
                float(_header(lower, b"retry-after") or 0),
            )
        ]

    def close(self) -> None:
        """Close it."""
        self._socket.close()


class GrpcWire:
    """HTTP/2 with calls of gRPC, up to `STREAMS` at a time."""

    def __init__(self, port: int, head: bytes, message: bytes) -> None:
        """Connect. `head` is the header block of a call, `message` the data with its prefix."""
        self._socket = _connect(port)
        self._parts = (
            _frame(_HEADERS, _END_HEADERS, 0, head)[:5],
            head + _frame(_DATA, _END_STREAM, 0, message)[:5],
            message,
        )
        self._received = b""
        self._next = 1
        self.room = STREAMS
        hello = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
        settings = struct.pack(">HL", 0x4, _MOST_WINDOW)
        window = struct.pack(">L", _MOST_WINDOW - 65535)
        self._socket.sendall(
            hello + _frame(_SETTINGS, 0, 0, settings) + _frame(_WINDOW_UPDATE, 0, 0, window)
        )

    def fileno(self) -> int:
        """Return the socket's number."""
        return self._socket.fileno()

    def send(self) -> int:
        """Send a call."""
        number, self._next = self._next, self._next + 2
        stream = number.to_bytes(4, "big")
        first, second, last = self._parts
        self._socket.sendall(first + stream + second + stream + last)
        self.room -= 1
        return number

    def receive(self) -> list[Reply]:
        """Read the ends of calls."""
        data = self._received + _read(self._socket)
        at, replies = 0, []
        while at + 9 <= len(data):
            end = at + 9 + int.from_bytes(data[at : at + 3], "big")
            if end > len(data):
                break
            reply = self._read_frame(data, at, end)
            if reply is not None:
                self.room += 1
                replies.append(reply)
            at = end
        self._received = data[at:]
        return replies

    def _read_frame(self, data: bytes, at: int, end: int) -> Reply | None:
        kind, flags = data[at + 3], data[at + 4]
        number = int.from_bytes(data[at + 5 : at + 9], "big")
        content = data[at + 9 : end]
        if kind == _HEADERS and flags & _END_STREAM:
            status = next(code for field, code in _STATUS.items() if field in content)
            return Reply(
                number,
                status == StatusCode.OK,
                status == StatusCode.RESOURCE_EXHAUSTED,
                _pushback(content),
            )
        if kind == _RST_STREAM:
            return Reply(number, is_good=False, is_refusal=False)
        if kind == _GOAWAY:
            raise WireError("The server ended the connection.")
        if kind in (_SETTINGS, _PING) and not flags & _ACK:
            answer = content if kind == _PING else b""
            self._socket.sendall(_frame(kind, _ACK, 0, answer))
        return None

    def close(self) -> None:
        """Close it."""
        self._socket.close()


@dataclass(frozen=True, slots=True)
class WireMaker:
    """Makes connections to a server that all send the same request."""

    protocol: str
    """"http" or "grpc"."""
    port: int
    task: str
    data: bytes | str
    items: int = 1
    """How many times the input is in the request."""

    def __call__(self) -> Wire:
        """Connect."""
        if self.protocol == "http":
            return HttpWire(self.port, self._post().raw())
        message = make_request(self.task, [self.data] * self.items).SerializeToString()
        fields = {
            ":method": "POST",
            ":scheme": "http",
            ":path": f"/trident.v1.Inference/{METHODS[self.task]}",
            ":authority": HOST,
            "content-type": "application/grpc",
            "te": "trailers",
        }
        head = b"".join(encoded_field(name, value) for name, value in fields.items())
        return GrpcWire(self.port, head, struct.pack(">BL", 0, len(message)) + message)

    def _post(self) -> Request:
        if self.items > 1:
            body = make_bodies(self.task, [self.data] * self.items)[-1]
            return Request(f"/{self.task}", body.content_type, body.content)
        is_text = isinstance(self.data, str)
        body_type = "text/plain; charset=utf-8" if is_text else "image/png"
        content = self.data.encode() if isinstance(self.data, str) else self.data
        return Request(f"/{self.task}", body_type, content)


def _connect(port: int) -> socket.socket:
    connection = socket.create_connection((HOST, port), timeout=30)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return connection


def _read(connection: socket.socket) -> bytes:
    try:
        data = connection.recv(65536)
    except OSError as error:
        raise WireError(f"The connection broke: {error.strerror}.") from error
    if not data:
        raise WireError("The server closed the connection.")
    return data


def _header(head: bytes, name: bytes) -> bytes | None:
    _, found, rest = head.partition(b"\r\n" + name + b":")
    return rest.partition(b"\r\n")[0] if found else None


def _frame(kind: int, flags: int, stream: int, content: bytes) -> bytes:
    return (
        len(content).to_bytes(3, "big") + bytes((kind, flags)) + stream.to_bytes(4, "big") + content
    )


def _pushback(trailers: bytes) -> float:
    """Return the seconds after which a refused call may be tried again, 0 if it doesn't say."""
    _, found, rest = trailers.partition(_PUSHBACK)
    if not found:
        return 0.0
    return int(rest[1 : 1 + rest[0]]) / 1000
