"""GIF: blocks (the specification of version 89a)."""

import re
import struct

from service.tasks.preprocessing.containers.container import (
    MOST_BLOCKS,
    Header,
    Stripped,
    damaged_header,
)

SIGNATURE = re.compile(rb"GIF8[79]a")
_SCREEN = struct.Struct("<6sHHB2x")  # signature and version, width, height, flags
_FRAME = struct.Struct("<xHHHHB")  # left, top, width, height, flags
_PIXEL_BYTES = 3  # the canvas, the frame, and another frame if the file has no end (see `endings`)
_EXTENSION, _IMAGE = 0x21, 0x2C
_CONTROL = 0xF9


def read_header(data: bytes) -> Header:
    """Read what comes before the pixels. Raises UndecodableInputError."""
    _, frame = _find_first_frame(data)
    _, width, height, _ = _SCREEN.unpack_from(data)
    left, top, frame_width, frame_height, _ = _FRAME.unpack_from(data, frame)
    return Header(max(width, left + frame_width), max(height, top + frame_height), _PIXEL_BYTES)


def strip(data: bytes) -> Stripped:
    """Keep the palette, the first frame and the block that names its transparent colour."""
    control, frame = _find_first_frame(data)
    return Stripped(data[: _palette_end(data)] + control + data[frame:])


def _palette_end(data: bytes) -> int:
    if len(data) < _SCREEN.size:
        raise damaged_header("GIF")
    flags = _SCREEN.unpack_from(data)[3]
    return _SCREEN.size + (3 << (flags & 7) + 1 if flags & 0x80 else 0)


def _find_first_frame(data: bytes) -> tuple[bytes, int]:
    """Return the last graphic control extension before the first frame, and the frame's start."""
    at, control = _palette_end(data), b""
    in_extension = False
    for _ in range(MOST_BLOCKS):
        if at + _FRAME.size > len(data):
            break
        if in_extension:  # sub-blocks, each a length and that many bytes; an empty one is the last
            in_extension = data[at] > 0
            at += 1 + data[at]
        elif data[at] == _IMAGE:
            return control, at
        elif data[at] == _EXTENSION:
            if data[at + 1] == _CONTROL and data[at + 2] >= 4:
                control = data[at : at + 3 + data[at + 2]] + b"\0"
            at += 2
            in_extension = True
        else:
            at += 1
    raise damaged_header("GIF")


def endings(data: bytes) -> tuple[bytes, ...]:
    """Return two possible ends for a file whose last block is cut off."""
    return tuple(bytes([filler]) * 255 + b"\0;" for filler in (0x00, 0xFF))
