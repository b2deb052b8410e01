"""Scaling ink into a box and placing it by its centre of mass."""

import math

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from service.tasks.preprocessing.framing.masks import Mask
from service.tasks.preprocessing.images import Pixels

_STROKE = 0.1  # a stroke's width as a share of the ink's box, about as in MNIST
_THIN_STROKE = 0.06  # strokes thinner than this share are widened to _STROKE


def widen_thin_strokes(ink: NDArray[np.float32]) -> NDArray[np.float32]:
    """Widen strokes that would fade when the ink is scaled down."""
    side = max(ink.shape)
    stroke = _stroke_width(ink > 64.0)
    if stroke >= _THIN_STROKE * side:
        return ink
    growth = round(0.5 * (_STROKE * side - stroke))
    if growth < 1:
        return ink
    return _dilate(_dilate(ink, growth).T, growth).T


def _dilate(ink: NDArray[np.float32], growth: int) -> NDArray[np.float32]:
    """Spread every row's ink over the `growth` rows before and after it."""
    spread = np.pad(ink, ((2 * growth, 2 * growth), (0, 0)))
    reach, window = 1, 2 * growth + 1
    while reach < window:
        step = min(reach, window - reach)
        spread = np.maximum(spread[:-step], spread[step:])
        reach += step
    return spread


def _stroke_width(marked: Mask) -> float:
    """Estimate the strokes' width in pixels: a line of width w has about 2/w edges per pixel."""
    padded = np.pad(marked, 1)
    edges = int((padded[1:] != padded[:-1]).sum()) + int((padded[:, 1:] != padded[:, :-1]).sum())
    # A slanted edge crosses rows and columns both: 4/pi is the mean over all directions.
    return 2.0 * (4.0 / math.pi) * float(marked.sum()) / max(edges, 1)


def fit(ink: NDArray[np.float32], box: int) -> NDArray[np.float32]:
    """Scale ink so that its longer side is `box` pixels, and its brightest pixel is 255."""
    height, width = ink.shape
    scale = box / max(height, width)
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    method = Image.Resampling.BOX if scale < 1 else Image.Resampling.BICUBIC
    fitted = np.asarray(Image.fromarray(ink).resize(size, method))
    brightest = max(float(fitted.max()), 1.0)
    return np.asarray(np.clip(fitted * (255.0 / brightest), 0.0, 255.0), dtype=np.float32)


def centre(ink: NDArray[np.float32], height: int, width: int) -> Pixels:
    """Place the ink with its centre of mass in the middle, as far as it fits."""
    mass = float(ink.sum())
    centre_y = float((ink.sum(axis=1) * (np.arange(ink.shape[0]) + 0.5)).sum()) / mass
    centre_x = float((ink.sum(axis=0) * (np.arange(ink.shape[1]) + 0.5)).sum()) / mass
    top = min(max(round(height / 2 - centre_y), 0), height - ink.shape[0])
    left = min(max(round(width / 2 - centre_x), 0), width - ink.shape[1])
    canvas = np.zeros((height, width), dtype=np.uint8)
    canvas[top : top + ink.shape[0], left : left + ink.shape[1]] = ink.astype(np.uint8)
    return canvas
