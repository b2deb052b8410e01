"""The rules for the head of a request, so that a proxy in front can't understand it differently.

Requests can be smuggled if two servers see different ends of the same one (RFC 9112, 11.2). The
parser itself refuses bare line feeds, folded lines, spaces before a colon, and lengths that
contradict each other or are no numbers; what it accepts is checked here.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final
from urllib.parse import unquote_to_bytes

from httptools import parse_url

from service.errors import (
    HeadersTooLargeError,
    MalformedRequestError,
    TridentError,
    UnimplementedError,
    UnsupportedVersionError,
    UrlTooLongError,
)
from service.telemetry.exchange import NO_CALLER

MAX_HEAD_BYTES: Final = 64 * 1024
"""Most bytes of a request's URL and headers together; of a body's chunk extensions and trailers."""

MAX_HEADERS: Final = 100
"""Most headers of a request."""

Headers = Sequence[tuple[bytes, bytes]]
"""Names in lower case, and values, in the order in which they were sent."""


@dataclass(slots=True)
class Head:
    """A request without its body."""

    method: bytes
    url: bytes
    version: str
    """"1.1" or "1.0"."""
    headers: Headers
    keep_alive: bool
    """Whether the client wants to send more requests on this connection."""
    expects_continue: bool
    """Whether it sends the body only after an interim answer (RFC 9110, 10.1.1)."""
    caller: str = NO_CALLER
    """The name of whoever sent it, which the gate writes."""
    answer_headers: Headers = ()
    """Headers of the answer, which the gate writes."""
    leave: Callable[[], None] | None = None
    """What to call when it is over, if anything; the gate writes it too."""


_VERSIONS: Final = ("1.1", "1.0")
# RFC 3986, 3.2.2 and 3.2.3: an IP literal in brackets or a name, then a port. It may be empty.
_HOST: Final = re.compile(
    rb"(?:\[[0-9A-Za-z:.%~_-]+\]|(?:[A-Za-z0-9._~!$&'()*+,;=-]|%[0-9A-Fa-f]{2})*)(?::[0-9]*)?"
)


def split_url(url: bytes) -> tuple[bytes, bytes]:
    """Return a URL's path, without percent-encoding, and its query.

    Raises httptools.HttpParserInvalidURLError if it can't be read.
    """
    parsed = parse_url(url)
    return unquote_to_bytes(parsed.path or b""), parsed.query or b""


def check_head(version: str, headers: Headers) -> None:
    """Check the head of a request that the parser has accepted.

    Raises:
        UnsupportedVersionError, HeadersTooLargeError, MalformedRequestError,
        UnimplementedError: as their names say. The connection must be closed then.
    """
    if version not in _VERSIONS:
        raise unsupported_version()
    if len(headers) > MAX_HEADERS:
        raise HeadersTooLargeError(f"The request has more than {MAX_HEADERS} headers: send fewer.")
    fields = dict(headers)
    if b"transfer-encoding" in fields:
        _check_codings(version, headers)
    host = fields.get(b"host")
    if host is None:
        if version == "1.1":
            raise MalformedRequestError("The request has no Host header: send one.")
    elif len(fields) < len(headers) and [name for name, _ in headers].count(b"host") > 1:
        raise MalformedRequestError("The request has several Host headers: send one.")
    elif not _is_host(host):
        raise MalformedRequestError(
            "The Host header must be a name or an address, with an optional port."
        )


def unsupported_version() -> UnsupportedVersionError:
    """Return what to raise for a version that isn't one of HTTP/1."""
    return UnsupportedVersionError(
        "This port supports HTTP/1.1 and HTTP/1.0. For gRPC and HTTP/2 use the gRPC port."
    )


def check_size(url: bytes, headers: Headers) -> None:
    """Check that a head is within `MAX_HEAD_BYTES`.

    Raises:
        UrlTooLongError, HeadersTooLargeError: it isn't, because of its URL or its headers.
    """
    if len(url) + sum(len(name) + len(value) for name, value in headers) > MAX_HEAD_BYTES:
        raise head_too_large(url)


def head_too_large(url: bytes) -> TridentError:
    """Return what to raise when a head with this URL is larger than `MAX_HEAD_BYTES`."""
    if 2 * len(url) > MAX_HEAD_BYTES:
        return UrlTooLongError(
            f"The URL and the headers have more than {MAX_HEAD_BYTES} bytes: send a shorter URL."
        )
    return HeadersTooLargeError(
        f"The URL and the headers, or a body's chunk extensions and trailers, have more than "
        f"{MAX_HEAD_BYTES} bytes: send less."
    )


@lru_cache(maxsize=256)
def _is_host(value: bytes) -> bool:
    return _HOST.fullmatch(value) is not None


def _check_codings(version: str, headers: Headers) -> None:
    """Check the Transfer-Encoding headers (RFC 9112, 6.1)."""
    if version == "1.0":
        raise MalformedRequestError(
            "HTTP/1.0 has no Transfer-Encoding: send a Content-Length, or use HTTP/1.1."
        )
    codings = [value.lower() for name, value in headers if name == b"transfer-encoding"]
    if codings != [b"chunked"]:
        raise UnimplementedError(
            "The Transfer-Encoding isn't supported: send chunked alone, and once."
        )
