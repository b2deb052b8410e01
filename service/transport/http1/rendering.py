"""An answer in the bytes that are sent."""

from collections.abc import Iterable
from http import HTTPStatus
from typing import Final

from service.transport.http1.request import HttpResponse

_STATUS_LINES: Final = {
    status.value: f"HTTP/1.1 {status.value} {status.phrase}\r\n".encode() for status in HTTPStatus
}


def render(
    response: HttpResponse,
    default_headers: Iterable[tuple[bytes, bytes]],
    *,
    keep_alive: bool,
    with_body: bool = True,
) -> bytes:
    """Return an answer as it is sent by HTTP/1.1. The answer to HEAD has no body."""
    parts = [_STATUS_LINES.get(response.status) or b"HTTP/1.1 %d \r\n" % response.status]
    for key, content in default_headers:
        parts += (key, b": ", content, b"\r\n")
    headers = "".join([f"{name}: {value}\r\n" for name, value in response.headers.items()])
    parts += (headers.encode("latin-1"), b"content-length: %d\r\n" % len(response.body))
    parts.append(b"\r\n" if keep_alive else b"connection: close\r\n\r\n")
    if with_body:
        parts.append(response.body)
    return b"".join(parts)
