"""Converting a picture of one symbol to the form of MNIST's images.

LeCun, Cortes and Burges: light ink on black, the ink's bounding box scaled to fit 20x20 with
its aspect kept, then placed in 28x28 so that its centre of mass is the middle.

Lines, frames, dark edges and dirt are recognized and removed: see `symbol`.
"""

import math

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from service.tasks.preprocessing.framing.fitting import centre, fit, widen_thin_strokes
from service.tasks.preprocessing.framing.form import has_mnist_form
from service.tasks.preprocessing.framing.ink import blank, find_ink
from service.tasks.preprocessing.framing.masks import bounds
from service.tasks.preprocessing.images import Pixels

__all__ = ["frame_ink"]

_WORKING_SIDE = 256  # px: larger pictures are reduced to this first
_ENOUGH = 100  # px: if the ink in a reduced picture is smaller, it is cut from the full picture
_INK = 64.0  # of 255: pixels with less ink don't count for the box


def frame_ink(pixels: Pixels, *, height: int, width: int, box: int) -> Pixels:
    """Return the picture's ink, light on dark, scaled into `box` and centred by its mass.

    A picture that already has this form is returned unchanged.

    Args:
        pixels: uint8 [any, any], grey.
        height: height of the answer, in pixels.
        width: width of the answer, in pixels.
        box: longer side of the ink in the answer, in pixels.

    Returns:
        uint8 [height, width].

    Raises:
        UndecodableInputError: nothing stands out from the background.
    """
    if pixels.shape == (height, width) and has_mnist_form(pixels, box):
        return pixels
    ink = _ink_of(pixels)
    return centre(fit(widen_thin_strokes(ink), box), height, width)


def _ink_of(pixels: Pixels) -> NDArray[np.float32]:
    """Return the ink, cut to its bounding box, at a scale that shows it well."""
    factor = _reduction(pixels)
    ink = find_ink(_reduce(pixels, factor))
    rows, columns = _ink_box(ink)
    if factor > 1 and max(rows.stop - rows.start, columns.stop - columns.start) < _ENOUGH:
        closer = _zoom(pixels, rows, columns, factor)
        ink = find_ink(_reduce(closer, _reduction(closer)))
        rows, columns = _ink_box(ink)
    return ink[rows, columns]


def _reduction(pixels: Pixels) -> int:
    longest: int = max(pixels.shape)
    return math.ceil(longest / _WORKING_SIDE)


def _reduce(pixels: Pixels, factor: int) -> Pixels:
    return pixels if factor == 1 else np.asarray(Image.fromarray(pixels).reduce(factor))


def _zoom(pixels: Pixels, rows: slice, columns: slice, factor: int) -> Pixels:
    """Cut a large picture to its ink and some paper around it."""
    margin = max(rows.stop - rows.start, columns.stop - columns.start) // 2
    top, left = (max(0, side.start - margin) * factor for side in (rows, columns))
    bottom, right = ((side.stop + margin) * factor for side in (rows, columns))
    return pixels[top:bottom, left:right]


def _ink_box(ink: NDArray[np.float32]) -> tuple[slice, slice]:
    """Return the rows and the columns of the ink's bounding box."""
    marked = ink > _INK
    if not marked.any():
        raise blank()
    return bounds(marked)
