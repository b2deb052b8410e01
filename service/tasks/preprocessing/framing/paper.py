"""Uneven light on the paper, and the grey level that separates ink from paper."""

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from service.tasks.preprocessing.images import Pixels

_EVEN_SIDE = 64  # px: smaller pictures are too coarse to tell a shadow from ink
_EVEN_SPREAD = 1.0  # grey levels: the median deviation up to which paper is even already
_TWO_LEVELS = 0.85  # share of the variance that two levels explain in a picture without shadows
_CONCENTRATION_STEPS = 8


def grey_counts(pixels: Pixels) -> NDArray[np.int64]:
    """Return the number of pixels of each grey level, int64 [256]."""
    # Twice as fast as np.bincount.
    return np.array(Image.fromarray(np.atleast_2d(pixels)).histogram())


def level_at(counts: NDArray[np.int64], share: float) -> int:
    """Return the grey level below or at which this share of the counted pixels is."""
    return int(np.searchsorted(counts.cumsum(), share * counts.sum()))


def threshold_of(counts: NDArray[np.int64]) -> int:
    """Return the grey level that best splits the pixels in two (Otsu, 1979)."""
    return int(_between(counts).argmax())


def split(counts: NDArray[np.int64]) -> int:
    """Return the distance between the two sides of the threshold, in grey levels."""
    threshold = threshold_of(counts)
    dark, light = counts.copy(), counts.copy()
    dark[threshold + 1 :] = light[: threshold + 1] = 0
    if not dark.any() or not light.any():
        return 0
    return level_at(light, 0.5) - level_at(dark, 0.5)


def _between(counts: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return the variance between the pixels up to each grey level and the others."""
    weight = counts.cumsum().astype(np.float64) / counts.sum()
    mass = (counts * np.arange(256)).cumsum() / counts.sum()
    with np.errstate(divide="ignore", invalid="ignore"):
        between = (mass[-1] * weight - mass) ** 2 / (weight * (1.0 - weight))
    return np.asarray(np.nan_to_num(between, nan=0.0, posinf=0.0))


def even_lighting(pixels: Pixels) -> Pixels:
    """Remove smooth shadows and light from the paper.

    The paper's level is a quadratic surface through the half of the pixels that fit it best: least
    trimmed squares, found by concentration steps (Rousseeuw and Van Driessen, 2006). A picture of
    two plain levels is returned unchanged, since its dark edges would look like shadows.
    """
    if min(pixels.shape) < _EVEN_SIDE or _has_two_levels(pixels):
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


def _has_two_levels(pixels: Pixels) -> bool:
    counts = grey_counts(pixels)
    levels = np.arange(256)
    mean = (counts * levels).sum() / pixels.size
    variance = (counts * (levels - mean) ** 2).sum() / pixels.size
    return bool(_between(counts).max() > _TWO_LEVELS * variance)


def _surface_terms(rows: NDArray[np.float64], columns: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return 1, x, y, xx, xy, yy of each pixel: [rows, columns, 6]."""
    y, x = np.meshgrid(rows, columns, indexing="ij")
    return np.stack([np.ones_like(x), x, y, x * x, x * y, y * y], axis=-1)
