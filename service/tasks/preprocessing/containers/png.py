"""PNG: chunks (the specification's third edition, section 5)."""

import math
import re
import struct
import zlib
from collections.abc import Iterator

from service.tasks.preprocessing.containers.container import Header, Stripped, damaged_header
from service.tasks.preprocessing.containers.orientation import find_orientation

SIGNATURE = re.compile(rb"\x89PNG\r\n\x1a\n")
_HEADER = struct.Struct(">8sI4sIIBB")  # signature, length, type, width, height, depth, colour
_HEADER_END = 33  # including the rest of IHDR and its checksum
_MOST_XMP_BYTES = 64 * 1024
_XMP = re.compile(rb"XML:com\.adobe\.xmp\0([\x00\x01])\0[^\0]*\0[^\0]*\0", re.DOTALL)

_GREY, _COLOUR, _PALETTE = 0, 2, 3  # the colour types without alpha
_CHANNELS = {_GREY: 1, _COLOUR: 3, _PALETTE: 1}


def read_header(data: bytes) -> Header:
    """Read what comes before the pixels. Raises UndecodableInputError."""
    if len(data) < _HEADER.size:
        raise damaged_header("PNG")
    _, _, kind, width, height, depth, colour = _HEADER.unpack_from(data)
    if kind != b"IHDR":
        raise damaged_header("PNG")
    stored_row = math.ceil(width * depth / 8) * _CHANNELS.get(colour, 4)
    pixel_bytes = math.ceil(depth / 8) * (1 if colour in (_GREY, _PALETTE) else 4)
    return Header(width, height, pixel_bytes, 2 * stored_row)  # each row needs the one before


def strip(data: bytes) -> Stripped:
    """Keep the header, the palette, the transparency and the first picture's pixels."""
    kept, exif = [data[:_HEADER_END]], []
    xmp: list[bytes] = []
    has_pixels = False
    for kind, start, end in _chunks(data):
        if kind == b"IDAT":
            kept.append(data[start:end])
            has_pixels = True
            continue
        content = data[start + 8 : end - 4]
        if kind == b"PLTE" and _HEADER.unpack_from(data)[-1] == _PALETTE:
            kept.append(data[start:end])
        elif kind == b"tRNS" and not has_pixels and _is_sound(data, start, end):
            kept.append(_transparency(content, data))
        elif kind == b"eXIf" and _is_sound(data, start, end):
            exif.append(content)
        elif kind == b"iTXt" and not xmp and (match := _XMP.match(content)):
            xmp.append(_text(content[match.end() :], compressed=match[1] == b"\x01"))
    return Stripped(b"".join(kept), find_orientation(exif, xmp))


def _chunks(data: bytes) -> Iterator[tuple[bytes, int, int]]:
    """Yield each chunk's type, start and end; the last one may be cut off."""
    start = _HEADER_END
    while start + 8 <= len(data):
        length, kind = struct.unpack_from(">I4s", data, start)
        if kind == b"IEND":
            return
        yield kind, start, start + 12 + length
        start += 12 + length


def _is_sound(data: bytes, start: int, end: int) -> bool:
    checksum = zlib.crc32(data[start + 4 : end - 4])
    return checksum == int.from_bytes(data[end - 4 : end]) and end <= len(data)


def _chunk(kind: bytes, content: bytes) -> bytes:
    checksum = zlib.crc32(kind + content)
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", checksum)


def _transparency(content: bytes, data: bytes) -> bytes:
    """Return a tRNS chunk as Pillow needs it, or nothing if it is invalid.

    Pillow scales all pixels except 16-bit grey ones to 8 bits, but doesn't scale the transparent
    colour with them.
    """
    depth, colour = _HEADER.unpack_from(data)[5:]
    if colour == _PALETTE:
        return _chunk(b"tRNS", content[:256])
    count = _CHANNELS.get(colour, 4)
    if colour not in (_GREY, _COLOUR) or len(content) < 2 * count:
        return b""
    levels = struct.unpack_from(f">{count}H", content)
    if depth in (2, 4):
        levels = tuple((level & (2**depth - 1)) * 255 // (2**depth - 1) for level in levels)
    elif depth == 16 and colour == _COLOUR:
        levels = tuple(level >> 8 for level in levels)
    return _chunk(b"tRNS", struct.pack(f">{count}H", *levels))


def _text(content: bytes, *, compressed: bool) -> bytes:
    if not compressed:
        return content
    try:
        return zlib.decompressobj().decompress(content, _MOST_XMP_BYTES)
    except zlib.error:
        return b""
