"""WebP: chunks in a RIFF file (RFC 9649, section 2)."""

import re
import struct
from collections.abc import Iterator

from PIL import Image, _webp

from service.tasks.preprocessing.containers.container import (
    MOST_BLOCKS,
    Header,
    Stripped,
    damaged_header,
)
from service.tasks.preprocessing.containers.orientation import find_orientation

SIGNATURE = re.compile(rb"RIFF....WEBP", re.DOTALL)

_PIXEL_BYTES = 12  # two canvases in the decoder, and the copy of the picture
_FIRST_CHUNK = 12
_EXTENDED = b"VP8X"
_ANIMATED, _HAS_ALPHA = 0x02, 0x10  # flags of an extended file
_FRAME = b"ANMF"
_PIXELS = (b"ALPH", b"VP8 ", b"VP8L", b"ANIM", _FRAME)


def read_header(data: bytes) -> Header:
    """Read what comes before the pixels. Raises UndecodableInputError."""
    return Header(*_read_size(data), _PIXEL_BYTES)


def _read_size(data: bytes) -> tuple[int, int]:
    """Return the canvas's width and height in pixels."""
    kind, head = data[12:16], data[20:30]
    if kind == _EXTENDED and len(head) == 10:
        return 1 + int.from_bytes(head[4:7], "little"), 1 + int.from_bytes(head[7:10], "little")
    if kind == b"VP8 " and len(head) == 10:
        width, height = struct.unpack_from("<HH", head, 6)
        return width & 0x3FFF, height & 0x3FFF
    if kind == b"VP8L" and len(head) >= 5:
        bits = int.from_bytes(head[1:5], "little")
        return 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)
    raise damaged_header("WEBP")


def read(data: bytes) -> Image.Image:
    """Read the first frame of a stripped file. Raises an error of any kind if it is damaged.

    Pillow's own reader keeps the decoder and its canvases in memory while it copies the picture
    again.
    """
    decoder = _webp.WebPAnimDecoder(data)
    size, _, _, _, mode = decoder.get_info()
    pixels, _ = decoder.get_next()
    return Image.frombuffer(mode, size, pixels, "raw", mode, 0, 1)


def strip(data: bytes) -> Stripped:
    """Keep the first frame."""
    kept, exif, xmp = [], [], []
    frames = 0
    for kind, start, end in _chunks(data):
        content = data[start + 8 : end]
        if kind == _EXTENDED and content:
            kept.append(_chunk(kind, bytes([content[0] & (_ANIMATED | _HAS_ALPHA)]) + content[1:]))
        elif kind in _PIXELS and frames == 0:
            kept.append(_chunk(kind, content) if end <= len(data) else data[start:])
            frames += kind == _FRAME
        elif kind == b"EXIF":
            exif.append(content)
        elif kind == b"XMP ":
            xmp.append(content)
    body = b"WEBP" + b"".join(kept)
    return Stripped(b"RIFF" + struct.pack("<I", len(body)) + body, find_orientation(exif, xmp))


def _chunks(data: bytes) -> Iterator[tuple[bytes, int, int]]:
    """Yield each chunk's type, start, and the end of its content, which may be cut off."""
    start = _FIRST_CHUNK
    for _ in range(MOST_BLOCKS):
        if start + 8 >= len(data):
            return
        kind, length = struct.unpack_from("<4sI", data, start)
        yield kind, start, start + 8 + length
        start += 8 + length + (length & 1)


def _chunk(kind: bytes, content: bytes) -> bytes:
    return kind + struct.pack("<I", len(content)) + content + b"\0" * (len(content) & 1)
