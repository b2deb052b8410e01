"""A short way through the commonest input: a small grey PNG.

Pillow's own reader spends most of its time on PNG's many options. A plain file (8-bit grey, not
interlaced, image data and nothing else) is walked here, and only its pixels are left to Pillow's
zlib decoder. For the layout see the PNG specification, third edition, sections 5 and 11.2.
"""

import struct
import zlib

import numpy as np
from numpy.typing import NDArray
from PIL import Image

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_HEADER = struct.Struct(">8sI4sII5B")  # signature, length, type, width, height, five options
_CHUNK = struct.Struct(">I4s")  # length, type
_PLAIN = (8, 0, 0, 0, 0)  # bit depth, grey, deflate, adaptive filters, not interlaced
_FIRST_CHUNK = 33  # offset behind the signature and IHDR


def png_size(data: bytes) -> tuple[int, int] | None:
    """Return a PNG's width and height in pixels, or None if `data` isn't the start of one."""
    if len(data) < _HEADER.size:
        return None
    signature, _, chunk, width, height, *_ = _HEADER.unpack_from(data)
    return (width, height) if signature == _SIGNATURE and chunk == b"IHDR" else None


def decode_plain_png(data: bytes) -> NDArray[np.uint8] | None:
    """Return a plain PNG's pixels, uint8 [height, width], or None if it isn't a sound plain one."""
    if len(data) < _HEADER.size:
        return None
    signature, _, chunk, width, height, *options = _HEADER.unpack_from(data)
    if signature != _SIGNATURE or chunk != b"IHDR" or tuple(options) != _PLAIN:
        return None
    compressed = _image_data(data)
    if compressed is None or not width or not height:
        return None
    try:
        image = Image.frombytes("L", (width, height), compressed, "zip", "L", 0)
    except ValueError:
        return None
    return np.frombuffer(image.tobytes(), dtype=np.uint8).reshape(height, width)


def _image_data(data: bytes) -> bytes | None:
    """Join the IDAT chunks, or return None if a chunk is damaged or of another kind."""
    parts: list[bytes] = []
    at = _FIRST_CHUNK
    while at + 12 <= len(data):
        length, kind = _CHUNK.unpack_from(data, at)
        if kind == b"IEND":
            return parts[0] if len(parts) == 1 else b"".join(parts)
        end = at + 8 + length
        if kind != b"IDAT" or end + 4 > len(data):
            return None
        if zlib.crc32(data[at + 4 : end]) != int.from_bytes(data[end : end + 4]):
            return None
        parts.append(data[at + 8 : end])
        at = end + 4
    return None
