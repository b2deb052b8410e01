"""BMP: a file header, a bitmap header, the palette, the pixels (Microsoft's wingdi.h)."""

import re
import struct

from service.tasks.preprocessing.containers.bmp_runs import expand
from service.tasks.preprocessing.containers.container import Header, Stripped, damaged_header

SIGNATURE = re.compile(rb"BM")
_HEADER_AT, _DEPTH_AT, _COLOURS_AT = 14, 28, 46
_INFO = struct.Struct("<10xIIii2xHI12xI4x")
"""Where the pixels are, the header's size, width, height, depth, compression, colours."""

_UNCOMPRESSED, _RLE8, _RLE4 = 0, 1, 2
_RLE_DEPTHS = {_RLE8: 8, _RLE4: 4}
_OLD_HEADER_BYTES = 12
_PIXEL_BYTES = 4  # with a palette: run lengths are expanded twice; in colour: see `endings`
_MOST_PADDING = 3  # bytes: a row's size is a multiple of four


def read_header(data: bytes) -> Header:
    """Read what comes before the pixels. Raises UndecodableInputError."""
    if len(data) < _HEADER_AT + 16:
        raise damaged_header("BMP")
    (header_bytes,) = struct.unpack_from("<I", data, _HEADER_AT)
    layout = "<HH2xH" if header_bytes == _OLD_HEADER_BYTES else "<ii2xH"
    width, height, depth = struct.unpack_from(layout, data, _HEADER_AT + 4)
    # A negative height says that the first row is the top one.
    return Header(abs(width), abs(height), _PIXEL_BYTES if depth <= 8 else 2 * _PIXEL_BYTES)


def strip(data: bytes) -> Stripped:
    """Return the file with its run lengths expanded, or unchanged if it has none."""
    if len(data) < _INFO.size or _INFO.unpack_from(data)[1] == _OLD_HEADER_BYTES:
        return Stripped(data)
    pixels_at, _, width, height, depth, compression, colours = _INFO.unpack_from(data)
    if compression not in (_RLE8, _RLE4):
        return Stripped(data)
    # Only pictures that are stored from the bottom up may have run lengths.
    if depth != _RLE_DEPTHS[compression] or min(width, height) < 1 or pixels_at < _INFO.size:
        raise damaged_header("BMP")
    pixels = expand(data[pixels_at:], width, height, nibbles=compression == _RLE4)
    head = bytearray(data[:pixels_at])
    struct.pack_into("<HI", head, _DEPTH_AT, 8, _UNCOMPRESSED)
    struct.pack_into("<I", head, _COLOURS_AT, colours or 1 << depth)
    return Stripped(bytes(head + pixels))


def endings(data: bytes) -> tuple[bytes, ...]:
    """Return two possible ends for a file that is cut off in its last row's padding."""
    return tuple(bytes([filler]) * _MOST_PADDING for filler in (0x00, 0xFF))
