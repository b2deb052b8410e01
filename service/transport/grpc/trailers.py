"""How an answer ends: its status, encoded as HTTP/2's header block (gRPC's PROTOCOL-HTTP2.md)."""

import string
from collections.abc import Mapping
from typing import Final
from urllib.parse import quote

from service.transport.grpc.status import StatusCode
from service.transport.http2.headers import encoded_field, encoded_status

_MAX_TEXT: Final = 1_000  # characters of a status message
_PLAIN: Final = "".join(set(string.printable[:95]) - {"%"})  # characters that aren't encoded

HEAD: Final = encoded_status(200) + encoded_field("content-type", "application/grpc")
"""The headers of every answer."""

_STATUS: Final = {code: encoded_field("grpc-status", str(code.value)) for code in StatusCode}


def encoded_trailers(
    status: StatusCode, request_id: str, message: str, metadata: Mapping[str, str]
) -> bytes:
    """Return the trailers of an answer. The message is percent-encoded UTF-8, and may be cut."""
    trailers = _STATUS[status] + encoded_field("x-request-id", request_id)
    if message:
        trailers += encoded_field("grpc-message", quote(message[:_MAX_TEXT], _PLAIN))
    for name, value in metadata.items():
        trailers += encoded_field(name, value)
    return trailers
