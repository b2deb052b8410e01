"""Offers to upgrade to another protocol (RFC 9110, 7.8), which are ignored."""

from service.errors import UnimplementedError
from service.transport.http1.head import Headers


def head_without_offer(method: bytes, url: bytes, version: str, headers: Headers) -> bytes:
    """Return the bytes of a request's head, without its offer to upgrade.

    Raises:
        UnimplementedError: it is a CONNECT request, which has no offer in its headers.
    """
    if method == b"CONNECT":
        raise UnimplementedError("CONNECT isn't supported: this server isn't a proxy.")
    parts = [method, b" ", url, b" HTTP/", version.encode(), b"\r\n"]
    for name, value in headers:
        if name != b"upgrade":
            parts += (name, b": ", value, b"\r\n")
    parts.append(b"\r\n")
    return b"".join(parts)
