"""Bringing a picture of one symbol into MNIST's own form.

LeCun, Cortes and Burges: light ink on black, the ink's bounding box scaled to fit 20x20 with
its aspect kept, then placed in 28x28 so that its centre of mass is the middle.
"""

import math
from functools import cache

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from service.core.images import Pixels
from service.core.lighting import even_lighting
from service.core.paper import blank, find_writing, spread

_WORKING_SIDE = 256  # px: larger pictures are reduced to this first
_MIN_CONTRAST = 12  # grey levels between ink and paper, below which a picture counts as blank
_DARK = 32  # grey level up to which a border counts as dark
_OFF_CENTRE = 2.0  # px: how far MNIST's own centres of mass stray from the middle, at most
_SHARP_SIDE = (
    96  # px: smaller pictures are enlarged to this first, so that thin lines are told apart
)
_COARSE_SIDE = 16  # px: smaller pictures show no line beside a stroke, and stay as they are
_ZOOM_SIDE = 100  # px: smaller ink of a reduced picture is looked at again, in its own resolution
_FULL = 0.5  # share of all light up to which a picture can be a digit on black
_BLUR = 2  # px around the symbol that hold its blurred edge, and those that enlarging makes
_STROKE = 0.1  # a stroke's width as a share of the ink's box, about MNIST's own
_THIN_STROKE = 0.06  # strokes thinner than this share are widened to _STROKE


def frame_ink(pixels: Pixels, *, height: int, width: int, box: int) -> Pixels:
    """Return the picture's ink, light on dark, scaled into `box` and centred by its mass.

    A picture that has this form already is returned as it is.

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
    if pixels.shape == (height, width) and _has_mnist_form(pixels):
        return pixels
    ink = _find_ink(pixels)
    cropped = ink[_ink_box(ink)]
    if max(cropped.shape) < _ZOOM_SIDE and _reduction(pixels) > 1:
        ink = _find_ink(_zoom(pixels, ink))
        cropped = ink[_ink_box(ink)]
    cropped = _widen_thin_strokes(cropped)
    return _centre(_fit(cropped, box), height, width)


def _has_mnist_form(pixels: Pixels) -> bool:
    """Tell whether a picture of the wanted size is light on dark, its mass in the middle."""
    flat = pixels.ravel().astype(np.float32)
    border, mass, off_y, off_x = _moments(pixels.shape).dot(flat).tolist()
    if border > _DARK or mass > _FULL * 255 * flat.size or int(pixels.max()) < 128:
        return False
    return bool(max(abs(off_y), abs(off_x)) <= _OFF_CENTRE * mass)


@cache
def _moments(shape: tuple[int, int]) -> NDArray[np.float32]:
    """Return what to multiply a flat picture by for its border's mean, its mass and moments.

    float32 [4, pixels]; the moments are about the picture's middle, in rows and in columns.
    """
    y, x = np.mgrid[: shape[0], : shape[1]]
    is_border = (y == 0) | (x == 0) | (y == shape[0] - 1) | (x == shape[1] - 1)
    terms = (is_border / is_border.sum(), np.ones(shape), y - y.mean(), x - x.mean())
    return np.stack(terms).reshape(4, -1).astype(np.float32)


def _find_ink(pixels: Pixels) -> NDArray[np.float32]:
    """Return how much ink each pixel has, 0..255; a large picture's at a reduced scale."""
    even = even_lighting(_reduce(pixels, _reduction(pixels)))
    side = max(even.shape)
    factor = math.ceil(_SHARP_SIDE / side) if side >= _COARSE_SIDE else 1
    return _extract_ink(_enlarge(even, factor), factor + _BLUR)


def _enlarge(pixels: Pixels, factor: int) -> Pixels:
    if factor == 1:
        return pixels
    size = (pixels.shape[1] * factor, pixels.shape[0] * factor)
    return np.asarray(Image.fromarray(pixels).resize(size, Image.Resampling.BICUBIC))


def _reduction(pixels: Pixels) -> int:
    longest: int = max(pixels.shape)
    return math.ceil(longest / _WORKING_SIDE)


def _reduce(pixels: Pixels, factor: int) -> Pixels:
    return pixels if factor == 1 else np.asarray(Image.fromarray(pixels).reduce(factor))


def _zoom(pixels: Pixels, ink: NDArray[np.float32]) -> Pixels:
    """Cut a large picture down to its ink and some paper around it."""
    factor = _reduction(pixels)
    rows, columns = _ink_box(ink)
    margin = max(rows.stop - rows.start, columns.stop - columns.start) // 2
    top, left = (max(0, side.start - margin) * factor for side in (rows, columns))
    bottom, right = ((side.stop + margin) * factor for side in (rows, columns))
    return pixels[top:bottom, left:right]


def _extract_ink(pixels: Pixels, blur: int) -> NDArray[np.float32]:
    """Return how much ink each pixel has, 0..255: the paper's own level taken away.

    The symbol's blurred edge reaches up to `blur` pixels beyond what is told from paper.
    """
    writing = find_writing(pixels)
    ink, threshold = writing.levels, writing.threshold
    if writing.paper_is_light:
        ink, threshold = 255 - ink, 254 - threshold
    paper = float(np.median(ink[~writing.symbol]))
    full = float(np.percentile(ink[writing.symbol], 75))
    if full - paper < _MIN_CONTRAST:
        raise blank()
    # Half-way between the paper and the threshold is still paper: grain, shadows, JPEG noise.
    floor = 0.5 * (paper + threshold)
    scaled = (ink.astype(np.float32) - floor) * (255.0 / (full - floor))
    scaled[~spread(writing.symbol, blur)] = 0.0
    return np.asarray(np.clip(scaled, 0.0, 255.0), dtype=np.float32)


def _ink_box(ink: NDArray[np.float32]) -> tuple[slice, slice]:
    """Return the rows and the columns that the ink takes."""
    marked = ink > 64.0
    rows, columns = np.flatnonzero(marked.any(axis=1)), np.flatnonzero(marked.any(axis=0))
    return slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)


def _widen_thin_strokes(ink: NDArray[np.float32]) -> NDArray[np.float32]:
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


def _stroke_width(marked: NDArray[np.bool_]) -> float:
    """Estimate the strokes' width in pixels: a line of width w has about 2/w edges a pixel."""
    padded = np.pad(marked, 1)
    edges = int((padded[1:] != padded[:-1]).sum()) + int((padded[:, 1:] != padded[:, :-1]).sum())
    # A slanted edge crosses rows and columns both: 4/pi is the mean over all directions.
    return 2.0 * (4.0 / math.pi) * float(marked.sum()) / max(edges, 1)


def _fit(ink: NDArray[np.float32], box: int) -> NDArray[np.float32]:
    height, width = ink.shape
    scale = box / max(height, width)
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    method = Image.Resampling.BOX if scale < 1 else Image.Resampling.BICUBIC
    fitted = np.asarray(Image.fromarray(ink).resize(size, method))
    brightest = max(float(fitted.max()), 1.0)
    return np.asarray(np.clip(fitted * (255.0 / brightest), 0.0, 255.0), dtype=np.float32)


def _centre(ink: NDArray[np.float32], height: int, width: int) -> Pixels:
    """Place the ink so that its centre of mass is the middle, as far as it fits."""
    mass = float(ink.sum())
    centre_y = float((ink.sum(axis=1) * (np.arange(ink.shape[0]) + 0.5)).sum()) / mass
    centre_x = float((ink.sum(axis=0) * (np.arange(ink.shape[1]) + 0.5)).sum()) / mass
    top = min(max(round(height / 2 - centre_y), 0), height - ink.shape[0])
    left = min(max(round(width / 2 - centre_x), 0), width - ink.shape[1])
    canvas = np.zeros((height, width), dtype=np.uint8)
    canvas[top : top + ink.shape[0], left : left + ink.shape[1]] = ink.astype(np.uint8)
    return canvas
