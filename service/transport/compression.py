"""Decompressing what callers send, up to a limit."""

import zlib
from collections.abc import Iterator
from typing import Final

from service.errors import MalformedRequestError, TooLargeError

FORMATS: Final = {"gzip": (31,), "deflate": (15, -15)}
"""The supported encodings, with zlib's window bits for each form: `deflate` may have a header or
not."""

_PIECE: Final = 64 * 1024  # bytes that zlib gets at a time
_MOST_GROWTH: Final = 1032  # the most bytes that deflate can make from one
_MAX_MEMBERS: Final = 10_000  # of a gzip file; each costs microseconds


def most_held(size: int, layers: int, growth: int, limit: int) -> int:
    """Return the most memory that `size` bytes use, from their arrival to the finished inputs.

    They are compressed `layers` times, and become up to `limit` bytes. Each of those becomes up to
    `growth` bytes in the inputs.
    """
    held = before = size
    for _ in range(layers):
        before = min(limit, before * _MOST_GROWTH)
        held = size + 2 * before  # in pieces, and joined
    return max(held, growth * before)


def decompress(data: bytes, encoding: str, limit: int) -> bytes:
    """Return `data` decompressed; `encoding` is one of `FORMATS`.

    Raises:
        MalformedRequestError: it isn't in this encoding, or isn't complete.
        TooLargeError: it is longer than `limit` bytes.
    """
    forms = FORMATS[encoding]
    for window_bits in forms:
        try:
            return b"".join(_pieces(memoryview(data), window_bits, limit))
        except zlib.error:
            continue
    raise MalformedRequestError(
        f"The body isn't valid {encoding}, or isn't complete: compress it again."
    )


def _pieces(data: memoryview, window_bits: int, limit: int) -> Iterator[bytes]:
    """Yield the parts of all members. Raises zlib.error."""
    start = members = 0
    while members == 0 or start < len(data):
        members += 1
        if members > _MAX_MEMBERS or (members > 1 and window_bits < 16):
            raise zlib.error
        decompressor = zlib.decompressobj(window_bits)
        while not decompressor.eof:
            piece = data[start : start + _PIECE]
            if not piece:
                raise zlib.error
            start += len(piece)
            content = decompressor.decompress(piece, limit + 1)
            limit -= len(content)
            if limit < 0:
                raise TooLargeError("The body is too large after decompression: send less.")
            yield content
        start -= len(decompressor.unused_data)
