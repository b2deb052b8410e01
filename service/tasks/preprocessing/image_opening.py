"""From an image file's bytes to a picture in Pillow's memory, and its orientation."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from io import BytesIO
from typing import Final

import numpy as np
from PIL import Image

from service.errors import TooLargeError, UndecodableInputError
from service.tasks.preprocessing.containers import bmp, gif, jpeg, png, tiff, webp
from service.tasks.preprocessing.containers.container import Header, Stripped, no_endings
from service.tasks.preprocessing.deep_colour import (
    choose_raw_mode,
    lacks_light,
    low_raw_mode,
    with_low_bytes,
)
from service.tasks.preprocessing.tiles import tiles

# Pillow's own limit isn't needed: the size is checked against ours before Pillow sees the file.
Image.MAX_IMAGE_PIXELS = None

MOST_PIXEL_BYTES: Final = 12
"""Most bytes that reading may use per pixel of the largest picture. Nearly all formats use four."""

_SPARE_PIXELS = 1_000_000  # for overhead per row, and so that small pictures aren't refused


@dataclass(frozen=True, slots=True)
class _Format:
    """A file format: how its files start, and the functions that parse it (see `containers`)."""

    signature: re.Pattern[bytes]
    read_header: Callable[[bytes], Header]
    strip: Callable[[bytes], Stripped]
    endings: Callable[[bytes], tuple[bytes, ...]] = no_endings
    read: Callable[[bytes], Image.Image] | None = None  # instead of Pillow's own reader


_FORMATS: Final = {
    "PNG": _Format(png.SIGNATURE, png.read_header, png.strip),
    "JPEG": _Format(jpeg.SIGNATURE, jpeg.read_header, jpeg.strip, jpeg.endings),
    "GIF": _Format(gif.SIGNATURE, gif.read_header, gif.strip, gif.endings),
    "BMP": _Format(bmp.SIGNATURE, bmp.read_header, bmp.strip, bmp.endings),
    "WEBP": _Format(webp.SIGNATURE, webp.read_header, webp.strip, read=webp.read),
    "TIFF": _Format(tiff.SIGNATURE, tiff.read_header, tiff.strip),
}

FORMATS: Final = tuple(_FORMATS)
"""Formats that are accepted. Pillow has many more parsers, but callers could attack each one."""


def read_header(data: bytes) -> Header:
    """Return what an image file's header says.

    Raises:
        UndecodableInputError: the bytes aren't an image in one of `FORMATS`.
    """
    return _FORMATS[_recognise(data)].read_header(data)


def read_image(data: bytes, *, mode: str, max_pixels: int) -> tuple[Image.Image, int]:
    """Read an image file's pixels; return them, and the picture's orientation.

    Args:
        data: a file in one of `FORMATS`.
        mode: Pillow's mode that is wanted in the end, "L" or "RGB"; few files come in it already.
        max_pixels: the largest width times height that is read.

    Raises:
        UndecodableInputError: it isn't an image, or some of its pixels are missing.
        TooLargeError: it has more than `max_pixels` pixels, or reading them would use more than
        `max_pixels` times `MOST_PIXEL_BYTES`.
    """
    name = _recognise(data)
    header = _FORMATS[name].read_header(data)
    _check_size((header.width, header.height), max_pixels)
    _check_memory(header, max_pixels)
    stripped = _FORMATS[name].strip(data)
    image = _open(name, stripped.data, mode)
    if image is None and _FORMATS[name].read is None:
        raise UndecodableInputError(
            f"The {name} file can't be opened: its header is damaged, or its variant of the "
            "format isn't supported. Send it again, or save it as an ordinary PNG or JPEG."
        )
    if image is not None:
        _check_size(image.size, max_pixels)
        low = low_raw_mode(image)
    if image is None or not _loads(image):
        image = _load_cut_off(name, stripped.data, mode)
    elif low is not None and lacks_light(image):
        image = _add_low_bytes(image, name, stripped.data, low)
    if image is None:
        raise UndecodableInputError(
            f"The {name} file is truncated or damaged: send the whole file again."
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


def _check_memory(header: Header, max_pixels: int) -> None:
    most = MOST_PIXEL_BYTES * (max_pixels + _SPARE_PIXELS)
    if header.reading_bytes > most:
        raise TooLargeError(
            f"Reading the image needs {header.reading_bytes} bytes, over the limit of {most}: "
            "scale it down before sending it, or make it less narrow."
        )


# Pillow's readers raise errors of any kind for a damaged file. They are neither kept nor chained to
# ours: their tracebacks would keep the picture in memory.


def _open(name: str, data: bytes, mode: str) -> Image.Image | None:
    read = _FORMATS[name].read
    try:
        image = Image.open(BytesIO(data), formats=(name,)) if read is None else read(data)
        image.draft(mode, (jpeg.REDUCED_SIDE, jpeg.REDUCED_SIDE))
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
    """Read a file whose end is missing; return None if pixels are missing, too.

    No pixel is missing if the picture is the same whichever end is added.
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


def _add_low_bytes(image: Image.Image, name: str, data: bytes, raw_mode: str) -> Image.Image:
    """Return a very dark picture of 16 bits per channel, with its lower bits."""
    lower = _open(name, data, image.mode)
    if lower is None:
        return image
    choose_raw_mode(lower, raw_mode)
    return with_low_bytes(image, lower, raw_mode) if _loads(lower) else image


def _are_equal(one: Image.Image, other: Image.Image) -> bool:
    return one.size == other.size and all(
        np.array_equal(np.asarray(one_tile), np.asarray(other_tile))
        for (_, one_tile), (_, other_tile) in zip(tiles(one), tiles(other), strict=True)
    )
