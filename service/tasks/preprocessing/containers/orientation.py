"""Which way up a picture is, as its metadata says: EXIF first, then XMP.

Nothing else of the metadata is read, and nothing in it is an error: invalid metadata is ignored.
For the layout of EXIF see its standard (CIPA DC-008), section 4.6: it is a TIFF file.
"""

import re
import struct
from collections.abc import Iterable

_ORIENTATION = 0x0112  # the tag's number
_ENTRY_BYTES = 12
_INTEGERS = {1: "B", 3: "H", 4: "L", 6: "b", 8: "h", 9: "l"}  # TIFF's types of integers
_XMP_ORIENTATION = re.compile(rb"tiff:Orientation(?:=[\"']|>)([1-8])[\"'<]")


def find_orientation(exif: Iterable[bytes], xmp: Iterable[bytes]) -> int:
    """Return the first valid orientation, 1 to 8; 1 (upright) if there is none."""
    for block in exif:
        if found := _exif_orientation(block):
            return found
    for block in xmp:
        if match := _XMP_ORIENTATION.search(block):
            return int(match[1])
    return 1


def _exif_orientation(block: bytes) -> int | None:
    block = block.removeprefix(b"Exif\0\0").removeprefix(b"Exif\0\0")
    order = {b"II": "<", b"MM": ">"}.get(block[:2])
    if order is None or len(block) < 8:
        return None
    (at,) = struct.unpack_from(order + "L", block, 4)
    if at + 2 > len(block):
        return None
    (entries,) = struct.unpack_from(order + "H", block, at)
    last = min(at + 2 + entries * _ENTRY_BYTES, len(block)) - _ENTRY_BYTES
    for entry in range(at + 2, last + 1, _ENTRY_BYTES):
        tag, kind, count = struct.unpack_from(order + "HHL", block, entry)
        if tag == _ORIENTATION:
            return sane_orientation(order, kind, count, block[entry + 8 : entry + 12])
    return None


def sane_orientation(order: str, kind: int, count: int, value: bytes) -> int | None:
    """Return the orientation in a tag's value, or None if it has no valid one.

    Args:
        order: "<" or ">", as for `struct`.
        kind: TIFF's number of the value's type.
        count: how many numbers the value has.
        value: the four or eight bytes of the tag's entry.
    """
    if kind not in _INTEGERS or count < 1:
        return None
    layout = order + _INTEGERS[kind]
    if count * struct.calcsize(layout) > len(value):  # too long to be an orientation
        return None
    orientation: int = struct.unpack_from(layout, value)[0]
    return orientation if 1 <= orientation <= 8 else None
