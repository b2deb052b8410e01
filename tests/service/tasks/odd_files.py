"""Image files with metadata of every kind, sound or not, around one and the same picture."""

import struct
import zlib
from collections.abc import Iterable

from PIL import Image

Tag = tuple[int, int, int, bytes]
"""A TIFF tag: its number, its type, how many values, and their bytes."""

ORIENTATION, X_RESOLUTION, EXIF_DIRECTORY = 0x0112, 0x011A, 0x8769
BYTE, ASCII, SHORT, LONG, RATIONAL, UNDEFINED, SIGNED_RATIONAL, DOUBLE = 1, 2, 3, 4, 5, 7, 10, 12


def short(value: int, order: str = "<") -> bytes:
    return struct.pack(order + "H", value)


def directory(tags: list[Tag], order: str, at: int) -> bytes:
    """Return a TIFF directory that starts at `at`, with what its tags' values need behind it."""
    entries, values = b"", b""
    place = at + 2 + 12 * len(tags) + 4
    for number, kind, count, value in tags:
        inline = value.ljust(4, b"\0")
        if len(value) > 4:
            inline = struct.pack(order + "L", place + len(values))
            values += value
        entries += struct.pack(order + "HHL", number, kind, count & 0xFFFFFFFF) + inline
    return struct.pack(order + "H", len(tags)) + entries + bytes(4) + values


def exif(tags: list[Tag], order: str = "<") -> bytes:
    """Return EXIF's block: a TIFF file of a directory alone."""
    head = (b"II" if order == "<" else b"MM") + struct.pack(order + "HL", 42, 8)
    return b"Exif\0\0" + head + directory(tags, order, 8)


def xmp(orientation: str) -> bytes:
    return f'<x:xmpmeta><rdf:li tiff:Orientation="{orientation}"/></x:xmpmeta>'.encode()


def jpeg_with(data: bytes, segments: Iterable[tuple[int, bytes]]) -> bytes:
    """Put application segments into a JPEG: each its marker's second byte, and its content."""
    packed = [
        bytes([0xFF, marker]) + struct.pack(">H", len(content[:65000]) + 2) + content[:65000]
        for marker, content in segments
    ]
    return data[:2] + b"".join(packed) + data[2:]


def chunk(kind: bytes, content: bytes, checksum: int | None = None) -> bytes:
    """Return a PNG chunk, with the right checksum unless another is given."""
    sound = zlib.crc32(kind + content)
    end = struct.pack(">I", sound if checksum is None else checksum)
    return struct.pack(">I", len(content)) + kind + content + end


def png_with(data: bytes, before: bytes = b"", after: bytes = b"") -> bytes:
    """Put chunks into a PNG, before and after its pixels."""
    header_end, pixels_end = 33, len(data) - 12
    return data[:header_end] + before + data[header_end:pixels_end] + after + data[pixels_end:]


def webp_with(data: bytes, chunks: Iterable[tuple[bytes, bytes]], flags: int = 0x2C) -> bytes:
    """Make an extended WebP of a simple lossless one, with chunks around its pixels."""
    bits = int.from_bytes(data[21:25], "little")
    head = bytes([flags, 0, 0, 0]) + (bits & 0x3FFF).to_bytes(3, "little")
    head += (bits >> 14 & 0x3FFF).to_bytes(3, "little")
    body = b"WEBP" + _riff(b"VP8X", head)
    packed = [_riff(kind, content) for kind, content in chunks]
    before = [part for part in packed if part.startswith(b"ICCP")]
    after = [part for part in packed if not part.startswith(b"ICCP")]
    body += b"".join([*before, data[12:], *after])
    return b"RIFF" + struct.pack("<I", len(body)) + body


def _riff(kind: bytes, content: bytes) -> bytes:
    return kind + struct.pack("<I", len(content)) + content + b"\0" * (len(content) % 2)


def tiff_with(picture: Image.Image, tags: list[Tag], order: str = "<") -> bytes:
    """Return a grey picture as a TIFF with more tags than it needs; the pixels come last."""
    head = (b"II" if order == "<" else b"MM") + struct.pack(order + "HL", 42, 8)

    def make(pixels_at: int) -> bytes:
        return head + directory(
            _sorted([*_needed_tags(picture, pixels_at, order), *tags]), order, 8
        )

    return make(len(make(0))) + picture.tobytes()


def big_tiff_with(picture: Image.Image, tags: list[Tag], order: str = "<") -> bytes:
    """Return a grey picture as a BigTIFF; no tag's value may be longer than eight bytes."""
    head = (b"II" if order == "<" else b"MM") + struct.pack(order + "HHHQ", 43, 8, 0, 16)

    def make(pixels_at: int) -> bytes:
        all_tags = _sorted([*_needed_tags(picture, pixels_at, order), *tags])
        entries = [
            struct.pack(order + "HHQ", *tag[:3]) + tag[3].ljust(8, b"\0") for tag in all_tags
        ]
        return b"".join([head, struct.pack(order + "Q", len(entries)), *entries, bytes(8)])

    return make(len(make(0))) + picture.tobytes()


def _needed_tags(picture: Image.Image, pixels_at: int, order: str) -> list[Tag]:
    width, height = picture.size
    return [
        (256, SHORT, 1, short(width, order)),
        (257, SHORT, 1, short(height, order)),
        (258, SHORT, 1, short(8, order)),
        (259, SHORT, 1, short(1, order)),
        (262, SHORT, 1, short(1, order)),
        (273, LONG, 1, struct.pack(order + "L", pixels_at)),
        (277, SHORT, 1, short(1, order)),
        (278, SHORT, 1, short(height, order)),
        (279, LONG, 1, struct.pack(order + "L", width * height)),
    ]


def _sorted(tags: list[Tag]) -> list[Tag]:
    return sorted(tags, key=lambda tag: tag[0])


def gif_with(data: bytes, extensions: Iterable[tuple[int, bytes]]) -> bytes:
    """Put extensions into a GIF before its first frame: each its label, and its content."""
    palette_end = 13 + (3 << (data[10] & 7) + 1 if data[10] & 0x80 else 0)
    packed = b""
    for label, content in extensions:
        blocks = [content[at : at + 255] for at in range(0, len(content), 255)]
        packed += bytes([0x21, label])
        packed += b"".join(bytes([len(block)]) + block for block in blocks) + b"\0"
    return data[:palette_end] + packed + data[palette_end:]
