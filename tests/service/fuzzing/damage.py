"""Damage to bytes of any kind: their bits, their ends, their lengths and their pieces."""

from collections.abc import Callable
from random import Random
from typing import Final

_MOST_PIECE: Final = 64  # bytes
_HEAD: Final = 128  # bytes at the start, where most formats have their lengths
_NUMBERS: Final = (0, 1, 2, 0x7F, 0x80, 0xFF, 0x7FFF, 0x8000, 0xFFFF, 2**31 - 1, 2**31, 2**32 - 1)


def damaged(source: Random, data: bytes) -> bytes:
    """Return data with one fault or a few."""
    for _ in range(source.choice((1, 1, 1, 2, 3, 8))):
        data = source.choice(_FAULTS)(source, data)
    return data


def spliced(source: Random, first: bytes, second: bytes) -> bytes:
    """Return the start of one file and the end of another."""
    return first[: _place(source, first)] + second[_place(source, second) :]


def _flip_bit(source: Random, data: bytes) -> bytes:
    changed = bytearray(data or b"\0")
    changed[_place(source, changed)] ^= 1 << source.randrange(8)
    return bytes(changed)


def _overwrite(source: Random, data: bytes) -> bytes:
    start, end = _piece(source, data)
    return data[:start] + source.randbytes(end - start) + data[end:]


def _overwrite_number(source: Random, data: bytes) -> bytes:
    """Put a number that is often forgotten where a length may be."""
    size = source.choice((1, 2, 4, 8))
    number = source.choice(_NUMBERS) & (1 << 8 * size) - 1
    packed = number.to_bytes(size, "big" if source.random() < 0.5 else "little")
    start = source.randrange(min(len(data), _HEAD) + 1)
    return data[:start] + packed + data[start + size :]


def _cut_end(source: Random, data: bytes) -> bytes:
    return data[: _place(source, data)]


def _remove(source: Random, data: bytes) -> bytes:
    start, end = _piece(source, data)
    return data[:start] + data[end:]


def _repeat(source: Random, data: bytes) -> bytes:
    start, end = _piece(source, data)
    return data[:end] + data[start:end] * source.choice((1, 1, 2, 50)) + data[end:]


def _insert(source: Random, data: bytes) -> bytes:
    start, end = _piece(source, data)
    return data[:start] + source.randbytes(end - start) + data[start:]


def _exchange(source: Random, data: bytes) -> bytes:
    one, two = sorted((_place(source, data), _place(source, data)))
    three = two + source.randrange(1, _MOST_PIECE)
    return data[:one] + data[two:three] + data[one:two] + data[three:]


def _place(source: Random, data: bytes | bytearray) -> int:
    """Return a place in the data, in every other case near its start."""
    return source.randrange(max(1, min(len(data), source.choice((_HEAD, len(data))))))


def _piece(source: Random, data: bytes) -> tuple[int, int]:
    start = _place(source, data)
    return start, min(len(data), start + source.randrange(1, _MOST_PIECE))


_FAULTS: Final[tuple[Callable[[Random, bytes], bytes], ...]] = (
    _flip_bit,
    _overwrite,
    _overwrite_number,
    _cut_end,
    _remove,
    _repeat,
    _insert,
    _exchange,
)
