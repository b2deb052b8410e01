"""HTTP/1.1 in bytes: requests as they are sent, answers as they come."""

import socket
from collections.abc import Iterable
from dataclasses import dataclass

GET_LIVEZ = b"GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n"


def connect(port: int, timeout: float = 30) -> socket.socket:
    """Open a connection to a server on this machine."""
    return socket.create_connection(("127.0.0.1", port), timeout=timeout)


def head(*headers: str, path: str = "/sentiment", version: str = "1.1") -> bytes:
    """Return the head of a POST of text, without anything that tells of its body."""
    lines = [f"POST {path} HTTP/{version}", "Host: localhost", "Content-Type: text/plain", *headers]
    return "\r\n".join(lines).encode() + b"\r\n\r\n"


def post(body: bytes, *headers: str, path: str = "/sentiment", version: str = "1.1") -> bytes:
    """Return a POST of text with a Content-Length."""
    return head(f"Content-Length: {len(body)}", *headers, path=path, version=version) + body


def post_chunked(parts: Iterable[bytes], *headers: str, path: str = "/sentiment") -> bytes:
    """Return a POST of text in chunks."""
    chunks = [b"%x\r\n%s\r\n" % (len(part), part) for part in (*parts, b"")]
    return head("Transfer-Encoding: chunked", *headers, path=path) + b"".join(chunks)


@dataclass
class Answer:
    """An answer: its status, its headers by their names in lower case, its body."""

    status: int
    headers: dict[bytes, bytes]
    body: bytes


def read_answer(wire: socket.socket) -> Answer:
    """Read one answer with a Content-Length. Raises AssertionError if none comes."""
    lines = b""
    while not lines.endswith(b"\r\n\r\n"):
        piece = wire.recv(1)
        assert piece, f"the connection ended after {lines!r}"
        lines += piece
    status, *fields = lines[:-4].split(b"\r\n")
    headers = {name.lower(): value for name, value in (line.split(b": ", 1) for line in fields)}
    body = b""
    while len(body) < int(headers[b"content-length"]):
        piece = wire.recv(int(headers[b"content-length"]) - len(body))
        assert piece, f"the connection ended after {body!r}"
        body += piece
    return Answer(int(status.split()[1]), headers, body)


def read_to_the_end(wire: socket.socket) -> bytes:
    """Read all that comes until the server closes its side. Raises ConnectionResetError."""
    return b"".join(iter(lambda: wire.recv(65536), b""))
