"""What is common to all kinds of image files."""

from dataclasses import dataclass

from service.core.errors import UndecodableInputError

MOST_BLOCKS = 10_000
"""Most blocks of metadata before the pixels: a file of more costs too much time to read."""


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
