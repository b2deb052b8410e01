"""Evening out the light on a photo of paper."""

import numpy as np
from numpy.typing import NDArray

from service.core.images import Pixels
from service.core.threshold import separability

_EVEN_SIDE = 64  # px: smaller pictures are too coarse to tell a shadow from ink
_EVEN_SPREAD = 1.0  # grey levels: the median deviation up to which paper is even already
_CLEAR = 0.85  # separability of a picture that has two shades and hardly anything between them
_CONCENTRATION_STEPS = 8


def even_lighting(pixels: Pixels) -> Pixels:
    """Take away what a shadow or a lamp does to the paper, as far as it is smooth.

    The paper's level is a quadratic surface through the half of the pixels that it fits best:
    least trimmed squares, found by concentration steps (Rousseeuw and Van Driessen, 2006). A
    picture that has two clear shades, or is too small to tell a shadow from ink, stays as it is.

    Args:
        pixels: uint8 [height, width], grey.

    Returns:
        uint8 [height, width].
    """
    if min(pixels.shape) < _EVEN_SIDE or separability(pixels) > _CLEAR:
        return pixels
    step = max(pixels.shape) // 32
    levels = pixels[::step, ::step].astype(np.float64)
    if np.median(np.abs(levels - np.median(levels))) < _EVEN_SPREAD:
        return pixels
    rows, columns = (np.linspace(-1.0, 1.0, size) for size in pixels.shape)
    terms = _surface_terms(rows[::step], columns[::step]).reshape(-1, 6)
    levels = levels.ravel()
    kept = np.ones(levels.size, dtype=np.bool_)
    for _ in range(_CONCENTRATION_STEPS):
        surface = np.linalg.lstsq(terms[kept], levels[kept])[0]
        misfit = np.abs(levels - terms @ surface)
        kept = misfit <= np.median(misfit)
    level, by_x, by_y, by_xx, by_xy, by_yy = surface
    y, x = rows[:, None], columns
    lighting = level + x * (by_x + by_xx * x) + y * (by_y + by_yy * y + by_xy * x)
    even = pixels - lighting + np.median(lighting)
    return np.asarray(np.clip(even.round(), 0, 255), dtype=np.uint8)


def _surface_terms(rows: NDArray[np.float64], columns: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return 1, x, y, xx, xy, yy of each pixel: [rows, columns, 6]."""
    y, x = np.meshgrid(rows, columns, indexing="ij")
    return np.stack([np.ones_like(x), x, y, x * x, x * y, y * y], axis=-1)
