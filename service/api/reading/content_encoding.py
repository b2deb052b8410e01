"""Content-Encoding (RFC 9110, 8.4): bodies that are compressed for the transfer."""

import asyncio
from typing import Final

from service.errors import UnsupportedMediaTypeError
from service.transport.compression import FORMATS, decompress

_QUICK: Final = 4096  # compressed bytes; what they expand to takes a few milliseconds at most
_MAX_ENCODINGS: Final = 3  # one after the other
_ALIASES: Final = {"x-gzip": "gzip"}


def read_encodings(header: str) -> list[str]:
    """Return the encodings of a body, in the order in which they were applied.

    Raises:
        UnsupportedMediaTypeError: one is unknown, or there are too many.
    """
    names = [name.strip().lower() for name in header.split(",")]
    encodings = [_ALIASES.get(name, name) for name in names if name not in ("", "identity")]
    for encoding in encodings:
        if encoding not in FORMATS:
            raise UnsupportedMediaTypeError(
                f"The content encoding {encoding[:50]} isn't supported: send the body as it is, "
                f"or compressed with {' or '.join(FORMATS)}."
            )
    if len(encodings) > _MAX_ENCODINGS:
        raise UnsupportedMediaTypeError(
            f"The body is compressed {len(encodings)} times: compress it once."
        )
    return encodings


async def decode_body(body: bytes, encodings: list[str], max_bytes: int) -> bytes:
    """Return a body decompressed.

    Raises:
        MalformedRequestError: it isn't in the declared encoding.
        TooLargeError: it is longer than `max_bytes`.
    """
    for encoding in reversed(encodings):
        if len(body) <= _QUICK:
            body = decompress(body, encoding, max_bytes)
        else:
            body = await asyncio.to_thread(decompress, body, encoding, max_bytes)
    return body
