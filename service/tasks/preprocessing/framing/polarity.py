"""Which of a picture's two shades is the paper, and what on it is the symbol."""

import numpy as np

from service.tasks.preprocessing.framing.components import components
from service.tasks.preprocessing.framing.masks import Mask, bounds, stroke_width
from service.tasks.preprocessing.framing.symbol import Reading, read_symbol

_FULL = 0.45  # of its box: what fills less is drawn by strokes
_BLANK = 0.9  # of its box: what fills more has nothing on it that is seen yet
_SOMETHING = 0.01  # of a sheet's box, that what is on it takes at least
_FILLED = 0.84  # of its box: a rectangle and its holes fill more, a bold 0 or 8 and its holes less
_ROUGHLY_FILLED = 0.72  # of its box: a tilted rectangle and its holes fill more
_HOLE = 0.65  # of its box: the inside of a 0 fills more, a symbol less
_STROKE = 0.15  # of its size: what is thinner is drawn by strokes
_SHEET = 0.7  # of its size: a part as thick as this isn't a symbol


def read_page(dark: Mask) -> tuple[bool, Reading]:
    """Find the symbol when it may be dark on light or light on dark.

    The paper is the shade of most of the picture's border, unless the other shade looks like a
    sheet with a symbol on it.

    Args:
        dark: bool [height, width], the darker pixels.

    Returns:
        Whether the paper is light, and what the other shade's pixels are.
    """
    border_is_light = float(_border(dark).mean()) < 0.5
    reading = read_symbol(dark if border_is_light else ~dark)
    if _may_be_sheet(reading.main):
        inverse = read_symbol(~dark if border_is_light else dark)
        if _is_sheet(reading, inverse):
            return not border_is_light, inverse
    return border_is_light, reading


def _border(pixels: Mask) -> Mask:
    return np.concatenate([pixels[0], pixels[-1], pixels[1:-1, 0], pixels[1:-1, -1]])


def _thickness(part: Mask) -> float:
    """Return the width of a part's strokes as a share of its size."""
    size: int = max(part.shape)
    return stroke_width(part) / size


def _may_be_sheet(part: Mask) -> bool:
    """Tell from a part alone whether it may be paper: it is full, and has something on it."""
    share = float(part.mean())
    if share < _FULL:
        return False
    filled = _filled_share(part)
    return share > _BLANK or (filled > _ROUGHLY_FILLED and filled - share > _SOMETHING)


def _is_sheet(reading: Reading, inverse: Reading) -> bool:
    """Tell whether a symbol is really paper, with the inverse picture's symbol on it.

    A sheet is rectangular, so the sheet and its holes fill its box; a bold 0 fills it less. A
    sheet's holes are a symbol's strokes, which fill their box less than the inside of a 0 does.
    """
    thickness = _thickness(reading.main)
    is_thinner = _thickness(inverse.main) < thickness
    if thickness > _SHEET:
        return is_thinner
    if thickness < _STROKE or not _is_within(inverse.symbol, reading.symbol):
        return False
    is_rectangle = _filled_share(reading.main) > _FILLED
    if inverse.main.mean() < _HOLE:
        return is_rectangle or is_thinner
    return is_rectangle and is_thinner


def _is_within(inner: Mask, outer: Mask) -> bool:
    sides = zip(bounds(inner), bounds(outer), strict=True)
    return all(a.start > b.start and a.stop < b.stop for a, b in sides)


def _filled_share(part: Mask) -> float:
    """Return the share of its box that a part and its holes fill."""
    outside = components(np.pad(~part, 1, constant_values=True)).labels
    return float((outside[1:-1, 1:-1] != outside[0, 0]).mean())
