"""Image files with random metadata that a browser shows; the same files each time."""

import zlib
from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

import numpy as np
from PIL import Image

from tests.service.drawings import encode
from tests.service.tasks import odd_files as files
from tests.service.tasks.odd_files import Tag

Thing = TypeVar("Thing")

_EXIF_TAGS = (files.X_RESOLUTION, 0x011B, 0x0128, 0x010F, 0x0110, 0x0131, 0x0132, 0x8298, 0x9003)
_DIRECTORIES = (files.EXIF_DIRECTORY, 0x8825, 0xA005, 0x927C)
_TIFF_TAGS = (282, 283, 296, 305, 306, 315, 330, 700, 33432, 33723, 34377, 34675, 34853, 65000)
_TEXT = b"Comment\0", b"XML:com.adobe.xmp\0", b"Raw profile type exif\0", b"exif\0", b"\xff\0", b""
_LARGE = zlib.compress(bytes(2**21)), zlib.compress(b"a small profile")


class MetadataFuzz:
    """Makes files in all formats around one grey picture."""

    def __init__(self, picture: Image.Image, seed: int) -> None:
        self._rng = np.random.default_rng(seed)
        self._picture = picture
        self._bare = {
            name: encode(picture, name, **({"lossless": True} if name == "WEBP" else {}))
            for name in ("PNG", "JPEG", "GIF", "BMP", "WEBP")
        }

    def bare(self, file_format: str) -> bytes:
        """Return the picture in a file without metadata."""
        return self._bare.get(file_format) or files.tiff_with(self._picture, [])

    def files(self, file_format: str, count: int) -> Iterator[bytes]:
        """Yield so many files of a format."""
        makers: dict[str, Callable[[], bytes]] = {
            "PNG": self._png,
            "JPEG": self._jpeg,
            "GIF": self._gif,
            "BMP": self._bmp,
            "WEBP": self._webp,
            "TIFF": self._tiff,
        }
        for _ in range(count):
            yield makers[file_format]()

    def _number(self, below: int) -> int:
        return int(self._rng.integers(below))

    def _noise(self) -> bytes:
        return self._rng.bytes(self._number(40))

    def _damaged(self, block: bytes) -> bytes:
        """Return a block as it is, or with some bytes changed, or cut off."""
        kind = self._number(3)
        if kind == 0 or not block:
            return block
        if kind == 1:
            return block[: self._number(len(block))]
        changed = bytearray(block)
        for _ in range(1 + self._number(8)):
            changed[self._number(len(changed))] = self._number(256)
        return bytes(changed)

    def _tag(self, number: int) -> Tag:
        value = self._noise() or b"300"
        kind, count = self._number(14), self._number(5)
        return number, kind, count if self._number(8) else 2**32 - 1, value

    def _exif(self) -> bytes:
        order = "<>"[self._number(2)]
        tags = [self._tag(number) for number in _EXIF_TAGS if self._number(2)]
        tags += [(number, files.LONG, 1, self._rng.bytes(4)) for number in _DIRECTORIES]
        orientation = files.short(self._number(12), order)
        tags.append((files.ORIENTATION, files.SHORT, 1, orientation))
        return self._damaged(files.exif(sorted(tags), order))

    def _xmp(self) -> bytes:
        return self._damaged(files.xmp(str(self._number(12)))) + self._noise()

    def _jpeg(self) -> bytes:
        segments = [
            (0xE1, self._exif()),
            (0xE1, b"Exif\0\0" + self._noise()),
            (0xE1, b"http://ns.adobe.com/xap/1.0/\0" + self._xmp()),
            (0xE2, b"ICC_PROFILE\0" + self._noise()),
            (0xE2, b"MPF\0II*\0\b\0\0\0" + self._noise()),
            (0xE0, b"JFIF\0" + self._noise()),
            (0xED, b"Photoshop 3.0\0008BIM\x03\xed" + self._noise()),
            (0xEE, b"Adobe" + self._noise()),
            (0xE0 + self._number(16), self._noise()),
            (0xFE, self._noise()),
        ]
        return files.jpeg_with(self._bare["JPEG"], self._some(segments))

    def _png(self) -> bytes:
        exif = self._exif().removeprefix(b"Exif\0\0")
        text = _TEXT[self._number(len(_TEXT))]
        kinds = {
            b"eXIf": exif,
            b"tEXt": text + self._noise(),
            b"zTXt": text + self._damaged(b"\0" + zlib.compress(self._xmp())),
            b"iTXt": text + self._damaged(b"\1\0\0\0" + zlib.compress(self._xmp())),
            b"iCCP": text + self._damaged(b"\0" + _LARGE[self._number(2)]),
            b"acTL": self._noise(),
            b"fcTL": self._noise(),
            b"teSt": self._noise(),
        }
        kinds |= {kind: self._noise() for kind in (b"gAMA", b"cHRM", b"sRGB", b"pHYs", b"tIME")}
        packed = [
            files.chunk(kind, content, None if self._number(3) else self._number(2**32))
            for kind, content in kinds.items()
        ]
        return files.png_with(
            self._bare["PNG"], b"".join(self._some(packed)), b"".join(self._some(packed))
        )

    def _webp(self) -> bytes:
        chunks = [
            (b"ICCP", self._noise()),
            (b"EXIF", self._exif()),
            (b"XMP ", self._xmp()),
            (b"teSt", self._noise()),
        ]
        return files.webp_with(self._bare["WEBP"], self._some(chunks), 0x2C)

    def _tiff(self) -> bytes:
        tags = [self._tag(number) for number in self._some(_TIFF_TAGS)]
        order = "<>"[self._number(2)]
        orientation = files.short(self._number(12), order)
        tags.append((files.ORIENTATION, files.SHORT, 1, orientation))
        return files.tiff_with(self._picture, tags, order)

    def _gif(self) -> bytes:
        extensions = [
            (0xFE, self._noise()),
            (0xFF, b"NETSCAPE2.0" + self._noise()),
            (0xFF, b"XMP DataXMP" + self._xmp()),
            (0x01, self._noise()),
            (self._number(0xF0), self._noise()),
        ]
        return files.gif_with(self._bare["GIF"], self._some(extensions))

    def _bmp(self) -> bytes:
        data = bytearray(self._bare["BMP"])
        for place, size in ((2, 8), (34, 12), (50, 4)):  # lengths, resolution, important colours
            if self._number(2):
                data[place : place + size] = self._rng.bytes(size)
        return bytes(data) + self._noise()

    def _some(self, things: Sequence[Thing]) -> list[Thing]:
        """Return about half of the things, in any order."""
        return [things[i] for i in self._rng.permutation(len(things)) if self._number(2)]
