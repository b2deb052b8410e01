"""Image files with every kind of fault, in all formats that the service reads."""

import struct
import zlib
from collections.abc import Callable
from functools import cache
from random import Random
from typing import Any, Final

from PIL import Image

from tests.service.drawings import encode, grey, handwritten
from tests.service.fuzzing.damage import damaged, spliced
from tests.service.tasks import odd_files as files

_SIDE: Final = 40  # pixels
_SIZES: Final = (0, 1, 2, 39, 41, 300, 65_535, 2**31 - 1, 2**32 - 1)
_PICTURES: Final[dict[str, tuple[tuple[str, dict[str, Any]], ...]]] = {
    "PNG": tuple((mode, {}) for mode in ("L", "RGB", "RGBA", "LA", "P", "1", "I;16")),
    "JPEG": (
        ("L", {}),
        ("RGB", {"progressive": True}),
        ("CMYK", {}),
        ("RGB", {"restart_marker_blocks": 4}),
    ),
    "WEBP": (("RGB", {}), ("RGB", {"lossless": True}), ("RGBA", {"lossless": True})),
    "GIF": (("L", {}), ("P", {"interlace": True})),
    "BMP": (("L", {}), ("RGB", {}), ("1", {})),
    "TIFF": (
        ("L", {}),
        ("RGB", {"compression": "tiff_lzw"}),
        ("RGBA", {"compression": "tiff_adobe_deflate"}),
        ("1", {"compression": "group4"}),
        ("RGB", {"compression": "jpeg"}),
        ("F", {"compression": "packbits"}),
    ),
}
FORMATS: Final = tuple(_PICTURES)


def image_file(source: Random, file_format: str | None = None) -> bytes:
    """Return a file with faults; few of them can be read."""
    data = source.choice(samples(file_format or source.choice(FORMATS)))
    return source.choice(_MAKERS)(source, data)


@cache
def samples(file_format: str) -> tuple[bytes, ...]:
    """Return good files of a format: several colour modes, compressions, frames, metadata."""
    picture = grey(handwritten("7", _SIDE))
    turned = files.exif([(files.ORIENTATION, files.SHORT, 1, files.short(6))])
    found = [
        encode(picture.convert(mode), file_format, **options)
        for mode, options in _PICTURES[file_format]
    ]
    if file_format in ("GIF", "WEBP", "PNG", "TIFF"):
        frames = [picture.rotate(angle) for angle in (10, 20)]
        found.append(encode(picture, file_format, save_all=True, append_images=frames))
    if file_format in ("JPEG", "PNG", "WEBP"):
        found.append(encode(picture, file_format, exif=turned))
    return tuple(found)


def _with_faults(source: Random, data: bytes) -> bytes:
    return damaged(source, data)


def _with_another_end(source: Random, data: bytes) -> bytes:
    return spliced(source, data, source.choice(samples(source.choice(FORMATS))))


def _with_sound_checksums(source: Random, data: bytes) -> bytes:
    """Damage what is inside a PNG's chunks, so that the fault isn't seen by their checksums."""
    if not data.startswith(b"\x89PNG"):
        return damaged(source, data)
    packed, place = data[:8], 8
    while place + 12 <= len(data):
        (size,) = struct.unpack_from(">I", data, place)
        kind, content = data[place + 4 : place + 8], data[place + 8 : place + 8 + size]
        if source.random() < 0.5:
            content = damaged(source, content)
        packed += files.chunk(kind, content) * source.choice((1, 1, 1, 2))
        place += 12 + size
    return packed


def _with_wrong_size(source: Random, data: bytes) -> bytes:
    """Change the width or the height in the header."""
    size = source.choice(_SIZES)
    match data[:4]:
        case b"\x89PNG":
            sides = [size, _SIDE]
            source.shuffle(sides)
            header = struct.pack(">II", *sides) + data[24:29]
            return data[:8] + files.chunk(b"IHDR", header) + data[33:]
        case b"GIF8":
            place, number = source.choice((6, 8)), struct.pack("<H", size & 0xFFFF)
        case b"RIFF":
            place, number = source.choice((24, 26, 28)), struct.pack("<H", size & 0xFFFF)
        case start if start[:2] == b"BM":
            place, number = source.choice((18, 22)), struct.pack("<I", size)
        case start if start[:2] == b"\xff\xd8":
            frame = max(data.find(b"\xff\xc0"), data.find(b"\xff\xc2"))
            place, number = frame + source.choice((5, 7)), struct.pack(">H", size & 0xFFFF)
        case _:  # in a TIFF the sizes are the first of the tags
            place, number = source.choice((18, 30)), struct.pack("<I", size)
    return data[:place] + number + data[place + len(number) :]


def _bomb(source: Random, _: bytes) -> bytes:
    return source.choice(_bombs())


@cache
def _bombs() -> tuple[bytes, ...]:
    """Return small files that claim to be, or become, much more than they are."""
    zeros = zlib.compress(bytes(8_000_000), 9)
    png = samples("PNG")[0]
    return (
        _png(20_000, 20_000, zeros),  # more pixels than are allowed
        _png(900, 900, zeros),  # more rows than the header says
        _png(900, 1000, zlib.compress(bytes(901 * 1000), 9)),
        files.png_with(png, before=files.chunk(b"zTXt", b"a\0\0" + zeros)),
        files.png_with(png, before=files.chunk(b"iCCP", b"a\0\0" + zeros)),
        files.png_with(png, before=files.chunk(b"tEXt", b"a\0b") * 5_000),
        encode(Image.new("1", (900, 900)), "TIFF", compression="group4"),
        encode(Image.new("L", (900, 900)), "WEBP", lossless=True),
        encode(Image.new("L", (900, 900)), "GIF"),
        encode(Image.new("L", (10, 10)), "GIF", save_all=True,
               append_images=[Image.new("L", (10, 10), n) for n in range(200)]),
        files.tiff_with(Image.new("L", (8, 8)), [(278, files.LONG, 1, struct.pack("<L", 1))] * 500),
    )  # fmt: skip


def _png(width: int, height: int, packed: bytes) -> bytes:
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", packed), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(files.chunk(*chunk) for chunk in chunks)


def _only_the_start(source: Random, data: bytes) -> bytes:
    return data[: source.randrange(4, 40)] + source.randbytes(source.randrange(200))


_MAKERS: Final[tuple[Callable[[Random, bytes], bytes], ...]] = (
    *[_with_faults] * 12,
    *[_with_another_end] * 3,
    *[_with_sound_checksums] * 3,
    *[_with_wrong_size] * 3,
    *[_only_the_start] * 2,
    _bomb,
)
