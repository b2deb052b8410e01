"""Recognizing pictures that already have the form of MNIST's images."""

from functools import cache

import numpy as np
from numpy.typing import NDArray

from service.tasks.preprocessing.framing.masks import bounds
from service.tasks.preprocessing.images import Pixels

_DARK = 32  # grey level up to which a pixel counts as dark
_BRIGHT = 128  # grey level that ink reaches
_OFF_CENTRE = 2.0  # px: the largest distance of MNIST's centres of mass from the middle
_MOST_INK = 0.45  # mean brightness, 1 is white: the boldest of MNIST's 70,000 images has 0.40
_WIDE = 5000.0  # px^4: the ink's mean fourth power of its distance from the middle is rarely larger
_MOST_RIM = 0.6  # share of ink on the sides of the ink's box: a box around a digit has more


def has_mnist_form(pixels: Pixels, box: int) -> bool:
    """Tell whether a picture of the wanted size is light on dark, with its mass in the middle.

    Its ink must fit into a square of `box` pixels, but not be a box itself. That is checked only if
    much of the ink is far from the middle, as it is in frames and lines.
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
    if 3 * min(ink.shape) < max(ink.shape):  # the whole of a 1 is rim
        return True
    rim = ink[0].sum() + ink[-1].sum() + ink[:, 0].sum() + ink[:, -1].sum()
    return bool(rim <= _MOST_RIM * 2 * sum(ink.shape))


@cache
def _moments(shape: tuple[int, int]) -> NDArray[np.float32]:
    """Return the matrix that gives a flattened picture's border mean, mass and moments.

    float32 [5, pixels]. The moments are about the picture's middle: the first in rows and in
    columns, and the fourth of the distance.
    """
    y, x = np.mgrid[: shape[0], : shape[1]]
    is_border = (y == 0) | (x == 0) | (y == shape[0] - 1) | (x == shape[1] - 1)
    down, aside = y - y.mean(), x - x.mean()
    fourth = (down**2 + aside**2) ** 2
    terms = (is_border / is_border.sum(), np.ones(shape), down, aside, fourth)
    return np.stack(terms).reshape(5, -1).astype(np.float32)
