"""Decompressing what callers send, up to a limit."""

import zlib
from collections.abc import Iterator
from typing import Final

from service.errors import MalformedRequestError, TooLargeError

FORMATS: Final = {"gzip": (31,), "deflate": (15, -15)}
"""What is understood, with zlib's window bits of each form: `deflate` comes with and without a
header."""

_PIECE: Final = 64 * 1024  # bytes that zlib is given at a time
_MOST_GROWTH: Final = 1032  # what deflate can make of a byte, at most
_MAX_MEMBERS: Final = 10_000  # of a gzip file, each of which costs microseconds


def most_held(size: int, layers: int, growth: int, limit: int) -> int:
    """Return the most bytes that `size` bytes take from their coming to the inputs made of them.

    They were compressed `layers` times, and become up to `limit` bytes. Each of those becomes up
    to `growth` in the inputs.
    """
    held = before = size
    for _ in range(layers):
        before = min(limit, before * _MOST_GROWTH)
        held = size + 2 * before  # in pieces, and put together
    return max(held, growth * before)


def decompress(data: bytes, encoding: str, limit: int) -> bytes:
    """Return what `data` was before it was compressed by `encoding`, one of `FORMATS`.

    Raises:
        MalformedRequestError: it wasn't compressed so, or isn't whole.
        TooLargeError: it was longer than `limit` bytes.
    """
    forms = FORMATS[encoding]
    for window_bits in forms:
        try:
            return b"".join(_pieces(memoryview(data), window_bits, limit))
        except zlib.error:
            continue
    raise MalformedRequestError(f"What is sent as {encoding} isn't, or isn't whole.")


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
                raise TooLargeError("What is sent is too large once it is decompressed: send less.")
            yield content
        start -= len(decompressor.unused_data)
