"""Splitting a grey picture in two shades."""

import numpy as np

from service.core.images import Pixels


def otsu_threshold(pixels: Pixels) -> int:
    """Return the grey level that best splits the pixels in two (Otsu, 1979)."""
    counts = np.bincount(pixels.ravel(), minlength=256).astype(np.float64)
    weight = counts.cumsum()
    mass = (counts * np.arange(256)).cumsum()
    with np.errstate(divide="ignore", invalid="ignore"):
        between = (mass[-1] * weight / weight[-1] - mass) ** 2 / (weight * (weight[-1] - weight))
    return int(np.nan_to_num(between, nan=0.0, posinf=0.0).argmax())


def separability(pixels: Pixels) -> float:
    """Return how well one threshold splits the pixels: 0 for one shade, 1 for exactly two.

    It is the share of the variance that lies between the two classes (Otsu, 1979).
    """
    dark = pixels <= otsu_threshold(pixels)
    share = float(dark.mean())
    if share in (0.0, 1.0):
        return 0.0
    apart = float(pixels[dark].mean()) - float(pixels[~dark].mean())
    return share * (1 - share) * apart**2 / float(pixels.var())
