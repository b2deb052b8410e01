"""Content-Encoding (RFC 9110, 8.4): a body that was compressed for its way."""

import asyncio
from typing import Final

from service.errors import UnsupportedMediaTypeError
from service.transport.compression import FORMATS, decompress

_QUICK: Final = 4096  # compressed bytes that grow to no more than takes a few milliseconds
_MAX_ENCODINGS: Final = 3  # one after the other
_ALIASES: Final = {"x-gzip": "gzip"}


def read_encodings(header: str) -> list[str]:
    """Return what a body was compressed by, in the order in which it was.

    Raises:
        UnsupportedMediaTypeError: by something unknown, or too often.
    """
    names = [name.strip().lower() for name in header.split(",")]
    encodings = [_ALIASES.get(name, name) for name in names if name not in ("", "identity")]
    for encoding in encodings:
        if encoding not in FORMATS:
            raise UnsupportedMediaTypeError(
                f"The content encoding {encoding[:50]} isn't taken here: send the body as it is, "
                f"or compressed by {' or '.join(FORMATS)}."
            )
    if len(encodings) > _MAX_ENCODINGS:
        raise UnsupportedMediaTypeError(
            f"The body is compressed {len(encodings)} times: once is enough."
        )
    return encodings


async def decode_body(body: bytes, encodings: list[str], max_bytes: int) -> bytes:
    """Return a body as it was before it was compressed.

    Raises:
        MalformedRequestError: it wasn't compressed so.
        TooLargeError: it was longer than `max_bytes`.
    """
    for encoding in reversed(encodings):
        if len(body) <= _QUICK:
            body = decompress(body, encoding, max_bytes)
        else:
            body = await asyncio.to_thread(decompress, body, encoding, max_bytes)
    return body
