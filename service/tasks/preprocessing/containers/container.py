"""What is common to all kinds of image files."""

import math
from dataclasses import dataclass

from service.errors import UndecodableInputError

MOST_BLOCKS = 10_000
"""Most blocks of metadata before the pixels: a file of more costs too much time to read."""


_ROW_BYTES = 11  # Pillow's, beside its pixels: a pointer, and padding to a multiple of four


@dataclass(frozen=True, slots=True)
class Header:
    """What a file says of itself before its pixels, and what reading them takes.

    That are the most bytes that Pillow takes, and the library that it calls: so many for each
    pixel, and so many beside. A picture of n times n pixels is read as one of n / `reduction`.
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
        """How many of them there are once they are read."""
        return math.ceil(self.width / self.reduction) * math.ceil(self.height / self.reduction)

    @property
    def reading_bytes(self) -> int:
        """The most bytes that reading the pixels takes, beside the file itself."""
        return (
            math.ceil(self.pixels * self.pixel_bytes) + self.height * _ROW_BYTES + self.other_bytes
        )


@dataclass(frozen=True, slots=True)
class Stripped:
    """A file without what its pixels don't need, and its orientation.

    The orientation is EXIF's: 1 is upright, 2 to 8 are the other ways that a picture can lie.
    """

    data: bytes
    orientation: int = 1


def damaged_header(file_format: str) -> UndecodableInputError:
    """Return the error of a file that ends, or makes no sense, before its pixels."""
    return UndecodableInputError(
        f"The {file_format} file's header is cut off or damaged: send the file again, whole."
    )


def no_endings(data: bytes) -> tuple[bytes, ...]:
    """Return nothing: a file of this kind can't be read once its end is missing."""
    return ()
