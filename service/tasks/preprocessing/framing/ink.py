"""How much of the symbol's ink each pixel of a picture has."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from service.errors import UndecodableInputError
from service.tasks.preprocessing.framing.masks import Mask, bounds, spread
from service.tasks.preprocessing.framing.paper import (
    even_lighting,
    grey_counts,
    level_at,
    split,
    threshold_of,
)
from service.tasks.preprocessing.framing.polarity import read_page
from service.tasks.preprocessing.images import Pixels

_MIN_CONTRAST = 12  # grey levels between ink and paper, below which a picture counts as blank
_LARGE_ENOUGH = 96  # px: a smaller picture is enlarged, so that lines and strokes come apart
_ROUNDS = 4  # of painting over what isn't the symbol; each may bring fainter things to light
_BENEATH = 0.2  # of a frame's contrast: a symbol inside it must have at least this
_BENEATH_CONTRAST = 24  # grey levels, and at least this: grain has less
_BENEATH_SIZE = 0.15  # of the picture's longer side


@dataclass(frozen=True)
class _View:
    """A picture with all but the symbol painted over, and the levels of its ink and paper."""

    levels: Pixels
    threshold: int
    paper_is_light: bool
    symbol: Mask


def find_ink(pixels: Pixels) -> NDArray[np.float32]:
    """Find the symbol in a picture, and how much ink each of its pixels has.

    Args:
        pixels: uint8 [any, any], grey.

    Returns:
        float32 [height, width], 0 (paper) to 255. It has the picture's size, or a multiple of it
        for a small picture.

    Raises:
        UndecodableInputError: nothing stands out from the background.
    """
    grain = max(1, math.ceil(_LARGE_ENOUGH / max(pixels.shape)))
    view = _look(_enlarge(even_lighting(pixels), grain), grain)
    return _extract(_look_beneath(view, grain) or view, grain)


def _enlarge(pixels: Pixels, factor: int) -> Pixels:
    if factor == 1:
        return pixels
    size = (pixels.shape[1] * factor, pixels.shape[0] * factor)
    return np.asarray(Image.fromarray(pixels).resize(size, Image.Resampling.BICUBIC))


def _look(levels: Pixels, grain: int) -> _View:
    """Find the symbol; `grain` is how many pixels wide one pixel of the sender's picture is.

    Raises:
        UndecodableInputError: all pixels are alike.
    """
    for _ in range(_ROUNDS):
        threshold = threshold_of(grey_counts(levels))
        dark = levels <= threshold
        if dark.all() or not dark.any():
            raise blank()
        paper_is_light, reading = read_page(dark)
        ink = dark if paper_is_light else ~dark
        dropped = reading.frame if reading.frame.any() else ink & ~reading.symbol
        if not dropped.any():
            break
        levels = _paint_over(levels, dropped, ~ink, grain, spare=ink & ~dropped)
    return _View(levels, threshold, paper_is_light, reading.symbol)


def _paint_over(levels: Pixels, dropped: Mask, paper: Mask, grain: int, spare: Mask) -> Pixels:
    """Paint pixels, and the blurred rim around them, in the paper's level."""
    painted = spread(dropped, grain + 1) & ~spread(spare, max(1, grain // 2))
    rest = paper & ~painted
    level = level_at(grey_counts(levels[rest if rest.any() else paper]), 0.5)
    return np.where(painted, np.uint8(level), levels)


def _look_beneath(view: _View, grain: int) -> _View | None:
    """If the symbol is a frame around something fainter, return the symbol inside it."""
    if not _may_be_frame(view.symbol):
        return None
    nothing = np.zeros_like(view.symbol)
    without = _paint_over(view.levels, view.symbol, ~view.symbol, grain, spare=nothing)
    needed = max(_BENEATH * _contrast(view), _BENEATH_CONTRAST)
    if split(grey_counts(without)) <= needed:
        return None
    beneath = _look(without, grain)
    rows, columns = bounds(beneath.symbol)
    size = max(rows.stop - rows.start, columns.stop - columns.start)
    is_large = size >= _BENEATH_SIZE * max(beneath.symbol.shape)
    return beneath if is_large and _contrast(beneath) > needed else None


def _may_be_frame(symbol: Mask) -> bool:
    """Tell whether a symbol touches the picture's edges, or is empty in its middle."""
    rows, columns = bounds(symbol)
    if 0 in (rows.start, columns.start) or symbol.shape[0] == rows.stop:
        return True
    if symbol.shape[1] == columns.stop:
        return True
    height, width = rows.stop - rows.start, columns.stop - columns.start
    middle = symbol[rows, columns][height // 4 : -(height // 4), width // 4 : -(width // 4)]
    return not middle.any()


def _contrast(view: _View) -> int:
    ink, paper = _counts(view)
    return abs(level_at(ink, 0.5) - level_at(paper, 0.5))


def _counts(view: _View) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return how many pixels of the symbol, and of the rest, have each grey level."""
    ink = grey_counts(view.levels[view.symbol])
    return ink, grey_counts(view.levels) - ink


def _extract(view: _View, grain: int) -> NDArray[np.float32]:
    """Return how much ink each pixel has, 0..255, without the paper's level."""
    ink, paper = _counts(view)
    if view.paper_is_light:
        ink, paper = ink[::-1], paper[::-1]
    threshold = 254 - view.threshold if view.paper_is_light else view.threshold
    full, empty = level_at(ink, 0.75), level_at(paper, 0.5)
    if full - empty < _MIN_CONTRAST:
        raise blank()
    # Half-way between the paper and the threshold is still paper: grain, shadows, JPEG noise.
    floor = 0.5 * (empty + threshold)
    margin = grain + 2
    near = tuple(slice(max(0, s.start - margin), s.stop + margin) for s in bounds(view.symbol))
    levels = view.levels[near]
    light_on_dark = 255 - levels if view.paper_is_light else levels
    scaled = (light_on_dark.astype(np.float32) - floor) * (255.0 / (full - floor))
    scaled[~spread(view.symbol[near], margin)] = 0.0
    extracted = np.zeros(view.levels.shape, dtype=np.float32)
    extracted[near] = np.clip(scaled, 0.0, 255.0)
    return extracted


def blank() -> UndecodableInputError:
    """Return the error for a picture without anything visible."""
    return UndecodableInputError(
        "The image is blank: send one with something that stands out from its background."
    )
