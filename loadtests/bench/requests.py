"""HTTP requests for the load generators: all bytes, prepared in advance."""

import struct
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

HOST = "127.0.0.1"
_LENGTH = struct.Struct(">I")


@dataclass(frozen=True, slots=True)
class Request:
    """A POST."""

    path: str
    content_type: str
    body: bytes

    def raw(self) -> bytes:
        """Return the request in the form of HTTP/1.1."""
        head = (
            f"POST {self.path} HTTP/1.1\r\nHost: {HOST}\r\n"
            f"Content-Type: {self.content_type}\r\nContent-Length: {len(self.body)}\r\n\r\n"
        )
        return head.encode() + self.body


def write_requests(path: Path, requests: Iterable[Request]) -> None:
    """Write requests, each with its length before it (four bytes, big-endian)."""
    raw = [request.raw() for request in requests]
    path.write_bytes(b"".join(_LENGTH.pack(len(content)) + content for content in raw))


def read_requests(path: Path) -> list[bytes]:
    """Read what `write_requests` wrote."""
    content, at, requests = path.read_bytes(), 0, []
    while at < len(content):
        (length,) = _LENGTH.unpack_from(content, at)
        at += _LENGTH.size + length
        requests.append(content[at - length : at])
    return requests
