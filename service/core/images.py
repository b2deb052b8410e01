"""From an image file's bytes to grey or colour pixels, as upright as its owner sees it."""

import struct
from io import BytesIO
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

from service.core.errors import TooLargeError, UndecodableInputError
from service.core.png import decode_plain_png, png_size

Pixels: TypeAlias = NDArray[np.uint8]

FORMATS = ("PNG", "JPEG", "GIF", "BMP", "WEBP", "TIFF")
"""Formats that are taken. Pillow knows many more, each another parser open to any caller."""

_PLAIN_PNG_PIXELS = 64 * 1024  # up to this size, a plain PNG takes the short way
_REDUCED_SIDE = 256  # a JPEG is decoded at the smallest scale that keeps both sides above this


def pixel_count(data: bytes) -> int:
    """Return width times height of an image file, from its header alone.

    Raises:
        UndecodableInputError: the bytes aren't an image in one of `FORMATS`.
    """
    width, height = png_size(data) or _open(data).size
    return width * height


def decode_image(data: bytes, *, channels: int, max_pixels: int) -> Pixels:
    """Decode an image file: EXIF orientation applied, alpha flattened, the first frame.

    Args:
        data: a file in one of `FORMATS`.
        channels: 1 for grey (ITU-R 601 luma), 3 for RGB.
        max_pixels: the largest width times height that is decoded.

    Returns:
        uint8 [height, width] for one channel, else [height, width, 3], each 0..255. A large
        JPEG comes at a reduced scale.

    Raises:
        UndecodableInputError: not an image, or a damaged one.
        TooLargeError: more pixels than `max_pixels`.
    """
    if channels == 1:
        plain = decode_plain_png(data, max_pixels=min(_PLAIN_PNG_PIXELS, max_pixels))
        if plain is not None:
            return plain
    image = _open(data)
    if image.width * image.height > max_pixels:
        raise TooLargeError(
            f"The image has {image.width}x{image.height} pixels, over the limit of {max_pixels}: "
            "scale it down before sending it."
        )
    mode = "L" if channels == 1 else "RGB"
    image.draft(mode, (_REDUCED_SIDE, _REDUCED_SIDE))
    try:
        upright = ImageOps.exif_transpose(image)
        return np.asarray(_flatten(upright).convert(mode))
    except (OSError, SyntaxError, ValueError, struct.error) as error:
        raise UndecodableInputError(
            f"The {image.format} file is truncated or damaged: send it again, whole."
        ) from error


def _open(data: bytes) -> Image.Image:
    try:
        return Image.open(BytesIO(data), formats=FORMATS)
    except UnidentifiedImageError as error:
        raise UndecodableInputError(
            f"These {len(data)} bytes aren't an image: send a file in one of {', '.join(FORMATS)}."
        ) from error
    except Image.DecompressionBombError as error:
        raise TooLargeError(
            "The image has too many pixels: scale it down before sending it."
        ) from error
    except (OSError, SyntaxError, ValueError, struct.error) as error:
        raise UndecodableInputError("The image file's header is damaged: send it again.") from error


def _flatten(image: Image.Image) -> Image.Image:
    """Bring any mode to one of 8 bits a channel without alpha."""
    if image.mode.startswith(("I", "F")):
        return _stretch(image)
    if image.mode == "P":
        image = image.convert("RGBA" if "transparency" in image.info else "RGB")
    if image.has_transparency_data:
        return _flatten_alpha(image.convert("RGBA"))
    return image


def _stretch(image: Image.Image) -> Image.Image:
    """Map 16-bit and float pixels to 8 bits, 16-bit ones by their full range."""
    values = np.asarray(image, dtype=np.float32)
    top = 65535.0 if values.max(initial=0.0) > 255.0 else 255.0
    if image.mode == "F" and values.max(initial=0.0) <= 1.0:
        top = 1.0
    return Image.fromarray(np.clip(values * (255.0 / top), 0, 255).astype(np.uint8))


def _flatten_alpha(image: Image.Image) -> Image.Image:
    """Put a picture with alpha on white, or on black where what is visible is bright."""
    pixels = np.asarray(image)
    alpha = pixels[..., 3].astype(np.float32)
    luma = pixels[..., :3].astype(np.float32).mean(axis=-1)
    bright = float((luma * alpha).sum()) > 127.0 * max(float(alpha.sum()), 1.0)
    background = Image.new("RGBA", image.size, "black" if bright else "white")
    return Image.alpha_composite(background, image).convert("RGB")
