"""Pixels of more than 8 bits, signed and floating-point ones, scaled to 0..255."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from service.tasks.preprocessing.tiles import tiles

_PHOTOMETRIC, _SAMPLE_FORMAT = 262, 339  # TIFF's tags
_WHITE_IS_ZERO = 0
_UNSIGNED, _SIGNED = 1, 2
_LEAST_SPAN = 255.0  # of integers: less may be noise


@dataclass(frozen=True, slots=True)
class ValueRange:
    """The values that stand for black and for white in a picture, found from its pixels.

    A camera's 10 or 12 bits are often stored in 16: the range is that of the fewest bits, 8 at
    least, that can hold the brightest pixel. Fractions range up to 1, signed values from the
    smallest to the largest.
    """

    black: float
    white: float
    dtype: np.dtype[Any] | None
    """The type that the pixels really have, if Pillow's type is wrong."""

    @classmethod
    def of(cls, image: Image.Image) -> "ValueRange":
        """Measure a picture of mode "I", "F", "I;16" or one of its relatives, or "L"."""
        dtype = _stored_dtype(image)
        low, high = np.inf, -np.inf
        for _, tile in tiles(image):
            values = _values(tile, dtype)
            values = values[np.isfinite(values)] if image.mode == "F" else values
            if values.size:
                low, high = min(low, float(values.min())), max(high, float(values.max()))
        black, white = _range(low, high, is_fraction=image.mode == "F")
        if _tag(image, _PHOTOMETRIC) == _WHITE_IS_ZERO and image.mode != "L":
            black, white = white, black
        return cls(black, white, dtype)

    def apply(self, tile: Image.Image) -> Image.Image:
        """Return a piece of the picture in mode "L"."""
        values = _values(tile, self.dtype).astype(np.float32)
        with np.errstate(over="ignore"):  # of floats near the largest: they become white
            levels = (values - self.black) * (255.0 / (self.white - self.black))
        levels = np.nan_to_num(levels, posinf=255.0, neginf=0.0)
        return Image.fromarray(np.clip(levels.round(), 0, 255).astype(np.uint8))


def is_signed(image: Image.Image) -> bool:
    """Tell whether a TIFF's pixels are signed; Pillow reads signed 8-bit pixels as unsigned."""
    return bool(_tag(image, _SAMPLE_FORMAT) == _SIGNED)


def _range(low: float, high: float, *, is_fraction: bool) -> tuple[float, float]:
    if high < low:  # all pixels are NaN or infinite
        return 0.0, 1.0
    if low < 0:
        return low, max(high, low + (1e-6 if is_fraction else _LEAST_SPAN))
    if is_fraction and high <= 1:
        return 0.0, 1.0
    return 0.0, float(2 ** max(int(np.ceil(high)).bit_length(), 8) - 1)


def _values(tile: Image.Image, dtype: np.dtype[Any] | None) -> NDArray[Any]:
    values = np.asarray(tile)
    return values if dtype is None else values.view(dtype)


def _stored_dtype(image: Image.Image) -> np.dtype[Any] | None:
    if image.mode == "L":
        return np.dtype(np.int8)
    if image.mode == "I" and _tag(image, _SAMPLE_FORMAT) == _UNSIGNED:
        return np.dtype(np.uint32)
    return None


def _tag(image: Image.Image, number: int) -> Any:
    """Return the value of a TIFF's tag, the first one of several, or None."""
    value = getattr(image, "tag_v2", {}).get(number)
    return value[0] if isinstance(value, tuple) else value
