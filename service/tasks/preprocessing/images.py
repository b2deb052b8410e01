"""From an image file's bytes to grey or colour pixels, turned upright."""

import math
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from service.tasks.preprocessing.flattening import flattener
from service.tasks.preprocessing.image_opening import FORMATS, read_header, read_image
from service.tasks.preprocessing.png import decode_plain_png, png_size
from service.tasks.preprocessing.tiles import TILE_PIXELS, tiles

__all__ = ["FORMATS", "Pixels", "decode_image", "decoding_bytes", "pixel_count"]

Pixels: TypeAlias = NDArray[np.uint8]

_PLAIN_PNG_PIXELS = 64 * 1024  # up to this size, a plain PNG takes the fast path
_FILE_COPIES = 3  # of its compressed pixels, while it is stripped of all else
_TILE_BYTES = 40  # a pixel of the tile that is being flattened
_KEPT_PIXELS = 16_000_000  # a larger picture is reduced: no model needs more

_TURNS: Final = {  # by EXIF orientation: quarter turns to the left, and whether to mirror first
    2: (0, True),
    3: (2, False),
    4: (2, True),
    5: (1, True),
    6: (3, False),
    7: (3, True),
    8: (1, False),
}


def pixel_count(data: bytes) -> int:
    """Return width times height of an image file, from its header alone.

    Raises:
        UndecodableInputError: the bytes aren't an image in one of `FORMATS`.
    """
    size = png_size(data)
    return size[0] * size[1] if size else read_header(data).pixels


def decoding_bytes(data: bytes, *, channels: int) -> int:
    """Return the most bytes that `decode_image` uses while it runs, beside the file itself.

    Only the file's header is read for this.

    Raises:
        UndecodableInputError: the bytes aren't an image in one of `FORMATS`.
    """
    header = read_header(data)
    kept = min(header.read_pixels, _KEPT_PIXELS)
    flattening = _TILE_BYTES * min(header.read_pixels, TILE_PIXELS) + 2 * channels * kept
    return _FILE_COPIES * len(data) + header.reading_bytes + flattening


def decode_image(data: bytes, *, channels: int, max_pixels: int) -> Pixels:
    """Decode an image file: turned upright, alpha flattened, the first frame.

    Args:
        data: a file in one of `FORMATS`.
        channels: 1 for grey (ITU-R 601 luma), 3 for RGB.
        max_pixels: the largest width times height that is decoded.

    Returns:
        uint8 [height, width] for one channel, else [height, width, 3], each 0..255. A large JPEG is
        returned at a reduced scale, and so is any picture of over 16 megapixels.

    Raises:
        UndecodableInputError: it isn't an image, or it is damaged.
        TooLargeError: it has more than `max_pixels` pixels.
    """
    if channels == 1:
        plain = decode_plain_png(data, max_pixels=min(_PLAIN_PNG_PIXELS, max_pixels))
        if plain is not None:
            return plain
    mode = "L" if channels == 1 else "RGB"
    image, orientation = read_image(data, mode=mode, max_pixels=max_pixels)
    pixels = _flatten(image, mode)
    return pixels if orientation == 1 else _turn(pixels, orientation)


def _flatten(image: Image.Image, mode: str) -> Pixels:
    """Return the picture's pixels without alpha, 8 bits per channel; a large picture is reduced."""
    step = math.ceil(math.sqrt(image.width * image.height / _KEPT_PIXELS))
    flatten = flattener(image)
    if image.width * image.height <= TILE_PIXELS:
        return np.asarray(flatten(image).convert(mode))
    width, height = math.ceil(image.width / step), math.ceil(image.height / step)
    pixels = np.empty((height, width) if mode == "L" else (height, width, 3), np.uint8)
    for (left, top, _, _), tile in tiles(image, step):
        flat = flatten(tile).convert(mode)
        piece = np.asarray(flat.reduce(step) if step > 1 else flat)
        y, x = top // step, left // step
        pixels[y : y + piece.shape[0], x : x + piece.shape[1]] = piece
    return pixels


def _turn(pixels: Pixels, orientation: int) -> Pixels:
    turns, mirrored = _TURNS[orientation]
    if mirrored:
        pixels = pixels[:, ::-1]
    return np.ascontiguousarray(np.rot90(pixels, turns))
