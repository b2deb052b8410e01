"""BMP: a file header, a bitmap header, the palette, the pixels (Microsoft's wingdi.h)."""

import re
import struct

from service.core.containers.container import Header, Stripped, damaged_header

SIGNATURE = re.compile(rb"BM")
_PIXELS_AT = 10  # where the file header says where the pixels start
_HEADER_AT = 14
_OLD_HEADER_BYTES = 12
_PIXEL_BYTES = 4  # a palette's: run lengths are expanded twice; a colour's: see `endings`
_MOST_PADDING = 3  # bytes: a row's are a multiple of four


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
    """Return the file as it is: it has no metadata before its pixels."""
    return Stripped(data)


def endings(data: bytes) -> tuple[bytes, ...]:
    """Return two ways in which a file that is cut off could go on: its last row's padding."""
    return tuple(bytes([filler]) * _MOST_PADDING for filler in (0x00, 0xFF))
