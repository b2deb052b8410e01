"""TIFF: tags in a directory (TIFF 6.0, section 2; BigTIFF is the same with wider numbers)."""

import ctypes
import math
import re
import struct
from collections.abc import Iterator, Set
from dataclasses import dataclass
from functools import partial

from PIL import _imaging

from service.tasks.preprocessing.containers.container import (
    MOST_BLOCKS,
    Header,
    Stripped,
    damaged_header,
)
from service.tasks.preprocessing.containers.orientation import find_orientation, sane_orientation

SIGNATURE = re.compile(rb"(?:II|MM)(?:[*+]\0|\0[*+])")
_BIG = b"+"

_WIDTH, _HEIGHT, _BITS, _SAMPLES = 256, 257, 258, 277
_ORIENTATION, _XMP = 274, 700
_STRIP_ROWS, _TILE_SIZE = 278, (322, 323)
_HEADER_TAGS = {_WIDTH, _HEIGHT, _BITS, _SAMPLES, _STRIP_ROWS, *_TILE_SIZE}
_MOST_SAMPLES = 8  # samples per pixel: Pillow reads no more
_PIXEL_TAGS = frozenset({
    _WIDTH, _HEIGHT,
    258, 259, 262,  # bits per sample, compression, photometric interpretation
    266, 277, 284, 338, 339,  # fill order; samples: per pixel, planes, extra, format
    273, 278, 279, 322, 323, 324, 325,  # strips and tiles
    292, 293, 317, 320, 332,  # T.4's and T.6's options, predictor, palette, ink set
    347, *range(512, 522),  # JPEG tables, old-style JPEG
    529, 530, 531, 532,  # YCbCr
})  # fmt: skip
_TYPE_BYTES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 16: 8}
_LONG, _LONG8 = 4, 16
_NUMBERS = {1: "B", 3: "H", _LONG: "L", _LONG8: "Q"}  # the types of the values that are read here


def _silence_libtiff() -> None:
    """Keep libtiff from printing a file's faults to standard error."""
    libtiff = ctypes.CDLL(_imaging.__file__)  # the libtiff that Pillow is linked with
    for name in ("TIFFSetErrorHandler", "TIFFSetWarningHandler"):
        handler = getattr(libtiff, name)
        handler.argtypes, handler.restype = [ctypes.c_void_p], ctypes.c_void_p
        handler(None)


_silence_libtiff()


@dataclass(slots=True)
class _Tag:
    """A tag of a directory. `place` is the offset of its value, or None if the entry has it."""

    number: int
    kind: int
    count: int
    place: int | None
    value: bytes


class _Directory:
    """The first directory of a file, as far as it is valid."""

    def __init__(self, data: bytes) -> None:
        """Raises UndecodableInputError if there is none."""
        self._data = data
        self.order = "<" if data.startswith(b"II") else ">"
        is_big = _BIG in data[2:4]
        self._offset, count, self._inline = ("Q", "Q", 8) if is_big else ("L", "H", 4)
        try:
            (self.at,) = struct.unpack_from(self.order + self._offset, data, 8 if is_big else 4)
            (self._count,) = struct.unpack_from(self.order + count, data, self.at)
        except (struct.error, OverflowError):
            raise damaged_header("TIFF") from None
        self._entries_at = self.at + struct.calcsize(self.order + count)

    def tags(self, wanted: Set[int]) -> Iterator[_Tag]:
        """Yield the wanted tags; their values together are no larger than the file."""
        entry = struct.Struct(f"{self.order}HH{self._offset}{self._inline}s")
        room = len(self._data)
        present = (len(self._data) - self._entries_at) // entry.size
        for index in range(min(self._count, present, MOST_BLOCKS)):
            number, kind, count, value = entry.unpack_from(
                self._data, self._entries_at + index * entry.size
            )
            size = count * _TYPE_BYTES.get(kind, 0)
            if number not in wanted or not 0 < size <= room:
                continue
            place = None
            if size > self._inline:
                (place,) = struct.unpack(self.order + self._offset, value)
                value = self._data[place : place + size]
            if len(value) >= size:
                room -= size
                yield _Tag(number, kind, count, place, value[:size])


def read_header(data: bytes) -> Header:
    """Read what comes before the pixels. Raises UndecodableInputError."""
    directory = _Directory(data)
    numbers: dict[int, tuple[int, ...]] = {}
    for tag in directory.tags(_HEADER_TAGS):
        if letter := _NUMBERS.get(tag.kind):
            layout = f"{directory.order}{min(tag.count, _MOST_SAMPLES)}{letter}"
            numbers.setdefault(tag.number, struct.unpack_from(layout, tag.value))
    if _WIDTH not in numbers or _HEIGHT not in numbers:
        raise damaged_header("TIFF")
    width, height = numbers[_WIDTH][0], numbers[_HEIGHT][0]
    bits, (samples, *_) = numbers.get(_BITS, (1,)), numbers.get(_SAMPLES, (1,))
    if len(bits) == 1:
        bits *= min(max(samples, 1), _MOST_SAMPLES)
    pixel_bytes = min(math.ceil(bits[0] / 8), 4) if len(bits) == 1 else 4
    if len(bits) > 1 and bits[0] > 8:  # it may be read twice (see `deep_colour`)
        pixel_bytes = 8
    # A compressed file is read one strip or tile at a time, each as it is stored or as RGBA.
    rows = min(numbers.get(_STRIP_ROWS, (height,))[0], height)
    tile_width, tile_height = (numbers.get(number, (0,))[0] for number in _TILE_SIZE)
    stored_bytes = max(math.ceil(sum(bits) / 8), pixel_bytes)
    piece = stored_bytes * max(width * rows, tile_width * tile_height)
    return Header(width, height, pixel_bytes, piece)


def strip(data: bytes) -> Stripped:
    """Keep the first directory, with only what the pixels need. BigTIFF becomes TIFF."""
    directory = _Directory(data)
    tags: dict[int, _Tag] = {}
    for tag in directory.tags(_PIXEL_TAGS | {_ORIENTATION, _XMP}):
        tags.setdefault(tag.number, tag)
    xmp = [tags[_XMP].value] if _XMP in tags else []
    orientation = find_orientation([], xmp)
    if found := tags.get(_ORIENTATION):
        sane = sane_orientation(directory.order, found.kind, found.count, found.value)
        orientation = sane or orientation
    kept = [tags[number] for number in sorted(_PIXEL_TAGS & tags.keys())]
    return Stripped(_with_directory(data, directory, kept), orientation)


def _with_directory(data: bytes, old: _Directory, tags: list[_Tag]) -> bytes:
    """Return the file with a directory of these tags in place of the old one.

    It fits there, together with the values that are inside BigTIFF's longer entries and must follow
    TIFF's.
    """
    pack = partial(struct.pack, old.order + "HHL")
    changed = bytearray(data)
    entries, values = [], []
    at = old.at + 2 + 12 * len(tags) + 4
    for tag in tags:
        kind, value, place = tag.kind, tag.value, tag.place
        if kind == _LONG8:
            kind, value = _LONG, _narrow(value, old.order)
            if place is not None:
                changed[place : place + len(value)] = value
        if place is None and len(value) > 4:
            place = at
            values.append(value)
            at += len(value)
        entries.append(pack(tag.number, kind, tag.count) + _inline(value, place, old.order))
    head = (b"II" if old.order == "<" else b"MM") + struct.pack(old.order + "HL", 42, old.at)
    directory = [struct.pack(old.order + "H", len(tags)), *entries, bytes(4), *values]
    changed[: len(head)] = head
    changed[old.at : at] = b"".join(directory)
    return bytes(changed)


def _inline(value: bytes, place: int | None, order: str) -> bytes:
    return value.ljust(4, b"\0") if len(value) <= 4 else struct.pack(order + "L", place)


def _narrow(value: bytes, order: str) -> bytes:
    """Return 64-bit numbers as 32-bit ones: files here are small enough for that."""
    numbers = struct.unpack(f"{order}{len(value) // 8}Q", value)
    return struct.pack(f"{order}{len(numbers)}L", *(min(number, 2**32 - 1) for number in numbers))
