"""From an image file's bytes to a picture in Pillow's memory, and which way up it is."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from io import BytesIO
from typing import Final

import numpy as np
from PIL import Image

from service.core.containers import bmp, gif, jpeg, png, tiff, webp
from service.core.containers.container import Stripped, no_endings
from service.core.errors import TooLargeError, UndecodableInputError
from service.core.tiles import tiles

# Pillow's own limit isn't needed: a picture's size is compared with ours before Pillow sees it.
Image.MAX_IMAGE_PIXELS = None

_REDUCED_SIDE = 256  # a JPEG is decoded at the smallest scale that keeps both sides above this


@dataclass(frozen=True, slots=True)
class _Format:
    """A kind of file: how it starts, and what takes it apart (see `service.core.containers`)."""

    signature: re.Pattern[bytes]
    read_size: Callable[[bytes], tuple[int, int]]
    strip: Callable[[bytes], Stripped]
    endings: Callable[[bytes], tuple[bytes, ...]] = no_endings


_FORMATS: Final = {
    "PNG": _Format(png.SIGNATURE, png.read_size, png.strip),
    "JPEG": _Format(jpeg.SIGNATURE, jpeg.read_size, jpeg.strip, jpeg.endings),
    "GIF": _Format(gif.SIGNATURE, gif.read_size, gif.strip, gif.endings),
    "BMP": _Format(bmp.SIGNATURE, bmp.read_size, bmp.strip, bmp.endings),
    "WEBP": _Format(webp.SIGNATURE, webp.read_size, webp.strip),
    "TIFF": _Format(tiff.SIGNATURE, tiff.read_size, tiff.strip),
}

FORMATS: Final = tuple(_FORMATS)
"""Formats that are taken. Pillow knows many more, each another parser open to any caller."""


def read_size(data: bytes) -> tuple[int, int]:
    """Return an image file's width and height in pixels, from its header alone.

    Raises:
        UndecodableInputError: the bytes aren't an image in one of `FORMATS`.
    """
    return _FORMATS[_recognise(data)].read_size(data)


def read_image(data: bytes, *, mode: str, max_pixels: int) -> tuple[Image.Image, int]:
    """Read an image file's pixels; return them, and the picture's orientation.

    Args:
        data: a file in one of `FORMATS`.
        mode: Pillow's mode that is wanted in the end, "L" or "RGB"; few files come in it already.
        max_pixels: the largest width times height that is read.

    Raises:
        UndecodableInputError: not an image, or one whose pixels aren't all there.
        TooLargeError: more pixels than `max_pixels`.
    """
    name = _recognise(data)
    _check_size(_FORMATS[name].read_size(data), max_pixels)
    stripped = _FORMATS[name].strip(data)
    image = _open(name, stripped.data, mode)
    if image is None:
        raise UndecodableInputError(
            f"The {name} file can't be opened: its header is damaged, or it is of a kind that "
            "isn't supported. Send it again, or as an ordinary PNG or JPEG."
        )
    _check_size(image.size, max_pixels)
    if not _loads(image):
        image = _load_cut_off(name, stripped.data, mode)
    if image is None:
        raise UndecodableInputError(
            f"The {name} file is truncated or damaged: send it again, whole."
        )
    return image, stripped.orientation


def _recognise(data: bytes) -> str:
    for name, file_format in _FORMATS.items():
        if file_format.signature.match(data):
            return name
    raise UndecodableInputError(
        f"These {len(data)} bytes aren't an image: send a file in one of {', '.join(FORMATS)}."
    )


def _check_size(size: tuple[int, int], max_pixels: int) -> None:
    width, height = size
    if width * height > max_pixels:
        raise TooLargeError(
            f"The image has too many pixels: {width}x{height} pixels, over the limit of "
            f"{max_pixels}. Scale it down before sending it."
        )


# Pillow's readers raise errors of any kind for a damaged file. None is kept, nor chained to ours:
# its traceback would hold on to the picture.


def _open(name: str, data: bytes, mode: str) -> Image.Image | None:
    try:
        image = Image.open(BytesIO(data), formats=(name,))
        image.draft(mode, (_REDUCED_SIDE, _REDUCED_SIDE))
    except Exception:
        return None
    return image


def _loads(image: Image.Image) -> bool:
    try:
        image.load()
    except Exception:
        return False
    return True


def _load_cut_off(name: str, data: bytes, mode: str) -> Image.Image | None:
    """Read a file whose end is missing; return None if pixels are missing with it.

    They are all there if they don't depend on how the file goes on.
    """
    found: Image.Image | None = None
    for ending in _FORMATS[name].endings(data):
        image = _open(name, data + ending, mode)
        if image is None or not _loads(image):
            return None
        if found is not None and not _are_equal(found, image):
            return None
        found = image
    return found


def _are_equal(one: Image.Image, other: Image.Image) -> bool:
    return one.size == other.size and all(
        np.array_equal(np.asarray(one_tile), np.asarray(other_tile))
        for (_, one_tile), (_, other_tile) in zip(tiles(one), tiles(other), strict=True)
    )
