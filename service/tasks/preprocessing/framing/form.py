"""Telling a picture that is in MNIST's own form from any other."""

from functools import cache

import numpy as np
from numpy.typing import NDArray

from service.tasks.preprocessing.framing.masks import bounds
from service.tasks.preprocessing.images import Pixels

_DARK = 32  # grey level up to which a pixel counts as dark
_BRIGHT = 128  # grey level that ink reaches
_OFF_CENTRE = 2.0  # px: how far MNIST's own centres of mass stray from the middle, at most
_MOST_INK = 0.45  # of the picture, were it all white: the boldest of MNIST's 70,000 has 0.40
_WIDE = 5000.0  # px^4: what the mean fourth power of ink's distance to the middle rarely exceeds
_MOST_RIM = 0.6  # of the sides of the ink's box that are ink: a box around a digit has more


def has_mnist_form(pixels: Pixels, box: int) -> bool:
    """Tell whether a picture of the wanted size is light on dark, its mass in the middle.

    Its ink must fit a square of `box` pixels, without being a box itself. That is looked at only
    where much of the ink is far from the middle, as frames and lines are.
    """
    flat = pixels.ravel().astype(np.float32)
    border, mass, off_y, off_x, far = _moments(pixels.shape).dot(flat).tolist()
    if border > _DARK or int(pixels.max()) < _BRIGHT or mass > _MOST_INK * 255.0 * flat.size:
        return False
    if max(abs(off_y), abs(off_x)) > _OFF_CENTRE * mass:
        return False
    return bool(far <= _WIDE * mass) or _fits(pixels, box)


def _fits(pixels: Pixels, box: int) -> bool:
    marked = pixels > _DARK
    ink = marked[bounds(marked)]
    if max(ink.shape) > box:
        return False
    if 3 * min(ink.shape) < max(ink.shape):  # a 1 is all rim
        return True
    rim = ink[0].sum() + ink[-1].sum() + ink[:, 0].sum() + ink[:, -1].sum()
    return bool(rim <= _MOST_RIM * 2 * sum(ink.shape))


@cache
def _moments(shape: tuple[int, int]) -> NDArray[np.float32]:
    """Return what to multiply a flat picture by for its border's mean, its mass and moments.

    float32 [5, pixels]; the moments are about the picture's middle, in rows and in columns, and
    the fourth one of the distance from there.
    """
    y, x = np.mgrid[: shape[0], : shape[1]]
    is_border = (y == 0) | (x == 0) | (y == shape[0] - 1) | (x == shape[1] - 1)
    down, aside = y - y.mean(), x - x.mean()
    fourth = (down**2 + aside**2) ** 2
    terms = (is_border / is_border.sum(), np.ones(shape), down, aside, fourth)
    return np.stack(terms).reshape(5, -1).astype(np.float32)
