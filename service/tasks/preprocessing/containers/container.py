"""What all image file formats have in common."""

import math
from dataclasses import dataclass

from service.errors import UndecodableInputError

MOST_BLOCKS = 10_000
"""Most blocks of metadata before the pixels: a file with more takes too long to read."""


_ROW_BYTES = 11  # Pillow's overhead: a pointer, and padding to a multiple of four


@dataclass(frozen=True, slots=True)
class Header:
    """What a file's header says, and how much memory reading the pixels takes.

    Pillow, and the library that it calls, use at most `pixel_bytes` for each pixel, and
    `other_bytes` beside. A side of n pixels is read as n / `reduction` pixels.
    """

    width: int
    height: int
    pixel_bytes: float
    other_bytes: int = 0
    reduction: int = 1

    @property
    def pixels(self) -> int:
        """How many pixels the picture has."""
        return self.width * self.height

    @property
    def read_pixels(self) -> int:
        """How many pixels there are after reading (see `reduction`)."""
        return math.ceil(self.width / self.reduction) * math.ceil(self.height / self.reduction)

    @property
    def reading_bytes(self) -> int:
        """The most bytes that reading the pixels uses, beside the file itself."""
        return (
            math.ceil(self.pixels * self.pixel_bytes) + self.height * _ROW_BYTES + self.other_bytes
        )


@dataclass(frozen=True, slots=True)
class Stripped:
    """A file reduced to what its pixels need, and its orientation.

    The orientation is EXIF's: 1 is upright, 2 to 8 are the rotated and mirrored ones.
    """

    data: bytes
    orientation: int = 1


def damaged_header(file_format: str) -> UndecodableInputError:
    """Return the error for a file that ends, or is invalid, before its pixels."""
    return UndecodableInputError(
        f"The {file_format} file's header is cut off or damaged: send the whole file again."
    )


def no_endings(data: bytes) -> tuple[bytes, ...]:
    """Return nothing: a file of this format can't be read if its end is missing."""
    return ()
