"""Telling ink from paper: which of a picture's two shades is written on the other.

The outermost pixels don't tell: a scan has dark edges, a screenshot has a frame, a form has boxes
and lines. So a picture is split in two shades, and the symbol is looked for in one of them, then in
the other if the first is more like paper. The rest of the ink is painted over and the picture is
split anew, since a black frame hides that pencil is darker than paper.
"""

from dataclasses import dataclass

import numpy as np

from service.core.components import Mask, components
from service.core.errors import UndecodableInputError
from service.core.images import Pixels
from service.core.symbol import symbol_of, thickness
from service.core.threshold import otsu_threshold

_ROUNDS = 4  # times that a picture is painted over and split anew, at most
_THICK = 0.15  # of its size: a thicker symbol may be the paper around a thinner one
_BLOT = 0.7  # of its size: no symbol is as thick as this
_RING = 0.65  # share of its box: what fills less of it may be a symbol
_SOLID = 0.9  # share of its box that paper fills, if its holes are filled
_MOSTLY_SOLID = 0.72  # the same, of paper that was cut by something
_CLEAR = 24  # grey levels that are seen inside a frame, ...
_SHARE_OF_CONTRAST = 0.2  # ... or this share of the frame's own contrast
_INNER_SIZE = 0.15  # of the picture's longer side: what is smaller in a frame is dirt


@dataclass(frozen=True, slots=True)
class Writing:
    """A symbol on paper.

    `levels` is the picture, uint8 [height, width], with all but symbol and paper painted over;
    levels up to `threshold` are dark. `symbol` is bool [height, width].
    """

    levels: Pixels
    threshold: int
    paper_is_light: bool
    symbol: Mask

    @property
    def contrast(self) -> float:
        """How far the symbol's grey level is from the paper's."""
        ink, paper = self.levels[self.symbol], self.levels[~self.symbol]
        return abs(float(np.median(ink)) - float(np.median(paper)))


def find_writing(pixels: Pixels) -> Writing:
    """Find the symbol in a picture, uint8 [height, width], grey.

    Raises:
        UndecodableInputError: nothing stands out from the background.
    """
    writing = _read(pixels)
    if not _may_be_frame(writing.symbol):
        return writing
    inner = _read_within(writing)
    return writing if inner is None else inner


def spread(mask: Mask, growth: int) -> Mask:
    """Return the mask with all pixels up to `growth` away, in rows and in columns."""
    height, width = mask.shape
    padded = np.pad(mask, growth)
    steps = range(2 * growth + 1)
    wide = np.logical_or.reduce([padded[:, i : i + width] for i in steps])
    return np.asarray(np.logical_or.reduce([wide[i : i + height] for i in steps]))


def blank() -> UndecodableInputError:
    """Return the error of a picture without a symbol."""
    return UndecodableInputError(
        "The image is blank: nothing in it stands out from its background."
    )


def _read(pixels: Pixels) -> Writing:
    for _ in range(_ROUNDS):
        threshold = otsu_threshold(pixels)
        dark = pixels <= threshold
        if not dark.any() or dark.all():
            raise blank()
        paper_is_light, symbol = _symbol(dark)
        ink = dark if paper_is_light else ~dark
        left = ink & ~symbol
        if not left.any():
            break
        pixels = _painted(pixels, left, ~ink, symbol)
    return Writing(pixels, threshold, paper_is_light, symbol)


def _read_within(frame: Writing) -> Writing | None:
    """Return what is written in a frame that was taken for a symbol, if there is something."""
    nothing = np.zeros_like(frame.symbol)
    levels = _painted(frame.levels, frame.symbol, ~frame.symbol, nothing)
    try:
        inner = _read(levels)
    except UndecodableInputError:
        return None
    if inner.contrast <= max(_SHARE_OF_CONTRAST * frame.contrast, _CLEAR):
        return None
    rows, columns = _box(inner.symbol)
    size = max(rows.stop - rows.start, columns.stop - columns.start) - 1
    return inner if size >= _INNER_SIZE * max(levels.shape) else None


def _painted(levels: Pixels, dropped: Mask, paper: Mask, symbol: Mask) -> Pixels:
    """Return the picture with what is dropped, and its blurred edge, painted over as paper."""
    growth = 1 if min(levels.shape) < 64 else 2
    painted = spread(dropped, growth) & ~spread(symbol, 1)
    rest = paper & ~painted
    level = np.median(levels[rest] if rest.any() else levels[paper])
    return np.where(painted, np.uint8(level), levels)


def _symbol(dark: Mask) -> tuple[bool, Mask]:
    """Return whether the paper is light, and the symbol on it."""
    border = np.concatenate([dark[0], dark[-1], dark[1:-1, 0], dark[1:-1, -1]])
    border_is_dark = float(border.mean()) >= 0.5
    ink, ground = (~dark, dark) if border_is_dark else (dark, ~dark)
    symbol = symbol_of(ink)
    how_thick = thickness(symbol)
    if how_thick > _THICK:
        other = symbol_of(ground)
        if _is_paper(symbol, other, how_thick):
            return border_is_dark, other
    return not border_is_dark, symbol


def _is_paper(symbol: Mask, other: Mask, how_thick: float) -> bool:
    """Tell whether what was taken for the symbol is the paper that the other one is written on."""
    if not other.any():
        return False
    other_is_thinner = thickness(other) < how_thick
    if how_thick > _BLOT:
        return other_is_thinner
    if not _is_inside(other, symbol):
        return False
    solid = _solidity(symbol)
    if _main_part(other).mean() < _RING:
        return solid > _SOLID or (solid > _MOSTLY_SOLID and other_is_thinner)
    return solid > _SOLID and other_is_thinner


def _may_be_frame(symbol: Mask) -> bool:
    """Tell whether a symbol touches the edge, or has nothing in its middle."""
    rows, columns = _box(symbol)
    height, width = symbol.shape
    if rows.start == 0 or columns.start == 0 or rows.stop == height or columns.stop == width:
        return True
    upper, left = (rows.stop - rows.start) // 4, (columns.stop - columns.start) // 4
    middle = symbol[rows.start + upper : rows.stop - 1 - upper]
    return not middle[:, columns.start + left : columns.stop - 1 - left].any()


def _main_part(mask: Mask) -> Mask:
    """Return the largest connected part, cut to its own box."""
    parts = components(mask)
    main = int(parts.size.argmax())
    rows = slice(parts.top[main], parts.bottom[main])
    return np.asarray(parts.labels[rows, parts.left[main] : parts.right[main]] == main + 1)


def _solidity(mask: Mask) -> float:
    """Return the share of its box that the main part fills, if its holes are filled."""
    background = components(np.pad(~_main_part(mask), 1, constant_values=True)).labels
    return float((background[1:-1, 1:-1] != background[0, 0]).mean())


def _is_inside(inner: Mask, outer: Mask) -> bool:
    """Tell whether a symbol's box lies within the other's, without touching its sides."""
    pairs = zip(_box(inner), _box(outer), strict=True)
    return all(i.start > o.start and i.stop < o.stop for i, o in pairs)


def _box(mask: Mask) -> tuple[slice, slice]:
    """Return the rows and the columns that a mask takes."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    return slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)
