"""Straight lines that run through a symbol or touch it: ruled paper, boxes, underlines."""

from dataclasses import dataclass

import numpy as np

from service.core.components import Integers, Mask, components, run_lengths

_MAX_SLOPE = 0.09  # five degrees
_SLOPES = np.linspace(-_MAX_SLOPE, _MAX_SLOPE, 9)
_SAMPLES = 48  # columns that a line is looked for in
_COVER = 0.85  # share of the columns that a line is in
_THIN_COVER = 0.4  # share of the columns that it is alone in: strokes cross it in the others
_MAX_THICKNESS = 0.09  # of the longer side
_RULING = 4  # so many parallel lines are no digit's

Box = tuple[int, int, int, int]
"""Top, bottom, left, right."""


@dataclass(frozen=True)
class Line:
    """A nearly horizontal line, in pixels."""

    mask: Mask
    top: int
    bottom: int
    left: int
    right: int
    thickness: float


@dataclass(frozen=True)
class Found:
    """A line, and whether it was found in the transposed picture."""

    line: Line
    is_upright: bool


def lines_in(part: Mask, *, across: bool, upright: bool) -> Mask:
    """Return the pixels of lines that run through a connected part and beyond the rest of it.

    Args:
        part: bool [height, width], the part's own box.
        across: whether the box is as wide as the picture.
        upright: whether it is as high.
    """
    level = [Found(line, is_upright=False) for line in _lines(part)]
    standing = [Found(line, is_upright=True) for line in _lines(np.ascontiguousarray(part.T))]
    tried = [level + standing] + ([level, standing] if level and standing else [])
    for found in tried:
        lines = _foreign(part, found, across=across, upright=upright)
        if lines.any():
            return lines
    return np.zeros_like(part)


def _foreign(part: Mask, found: list[Found], *, across: bool, upright: bool) -> Mask:
    """Return the pixels of those lines that aren't strokes of what is left without them."""
    nothing = np.zeros_like(part)
    while found:
        drawn = np.logical_or.reduce(
            [f.line.mask.T if f.is_upright else f.line.mask for f in found]
        )
        rest = part & ~drawn
        box = _symbol_box(rest)
        if box is None:
            return nothing
        stroke = _stroke(rest)
        kept = [
            f
            for f in found
            if _is_foreign(
                f.line,
                box[2:] + box[:2] if f.is_upright else box,
                stroke,
                spans=upright if f.is_upright else across,
            )
        ]
        for is_upright in (False, True):
            parallel = [f for f in found if f.is_upright == is_upright]
            if len(parallel) >= _RULING:
                kept = [f for f in kept if f.is_upright != is_upright] + parallel
        if _is_boxed(found, part.shape, box):
            kept = found
        if len(kept) == len(found):
            return np.asarray(drawn)
        found = kept
    return nothing


def _symbol_box(rest: Mask) -> Box | None:
    """Return top, bottom, left, right of what is left beside the lines."""
    parts = components(rest)
    if not parts.area.size or parts.size.max() < 0.1 * max(rest.shape):
        return None
    main = parts.size >= 0.3 * parts.size.max()
    return (
        int(parts.top[main].min()),
        int(parts.bottom[main].max()),
        int(parts.left[main].min()),
        int(parts.right[main].max()),
    )


def _stroke(mask: Mask) -> float:
    """Return the strokes' width in pixels."""
    across = run_lengths(mask)
    along = run_lengths(np.ascontiguousarray(mask.T)).T
    return float(np.median(np.minimum(across, along)[mask]))


def _is_foreign(line: Line, box: Box, stroke: float, *, spans: bool) -> bool:
    """Tell whether a line goes further beyond the symbol's box than a stroke of a digit would.

    It may go less far if it is thinner than the strokes, lies below them, or spans the picture.
    """
    _, bottom, left, right = box
    beyond = min(left - line.left, line.right - right)
    if beyond < 2.5:
        return False
    share = beyond / (line.right - line.left)
    if line.thickness <= 0.6 * stroke:
        return share > 0.05
    if bottom <= line.bottom + 2:
        return share > 0.1
    return share > (0.15 if spans else 0.25)


def _is_boxed(found: list[Found], shape: tuple[int, ...], box: Box) -> bool:
    """Tell whether lines are the four sides of a box that the symbol doesn't fill."""
    sides = 0
    reached = 0
    for is_upright, size, (start, end) in ((False, shape[0], box[:2]), (True, shape[1], box[2:])):
        lines = [f.line for f in found if f.is_upright == is_upright]
        near = 0.08 * size + 1
        sides += any(line.top <= near for line in lines)
        sides += any(line.bottom >= size - near for line in lines)
        reached += start <= near and end >= size - near
    return sides == 4 and not reached


def _lines(part: Mask) -> list[Line]:
    """Find nearly horizontal lines that span the part's box, all at one slope."""
    height, width = part.shape
    if min(height, width) < 8:
        return []
    thickness = run_lengths(np.ascontiguousarray(part.T)).T
    thin = part & (thickness <= max(2, round(_MAX_THICKNESS * max(height, width))))
    columns = np.linspace(0, width - 1, min(width, _SAMPLES)).round().astype(np.int64)
    if np.count_nonzero(thin[:, columns]) < _THIN_COVER * columns.size:
        return []
    counts = _counts(thin, columns)
    counts[counts < _THIN_COVER * columns.size] = 0
    if not counts.any():
        return []
    counts[_counts(part, columns) < _COVER * columns.size] = 0
    if not counts.any():
        return []
    slope = int((counts.astype(np.float64) ** 4).sum(axis=1).argmax())
    edges = np.flatnonzero(np.diff(np.pad((counts[slope] > 0).astype(np.int8), 1)))
    shift = _shift(_SLOPES[slope], np.arange(width), width)
    bands = zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True)
    lines = (_line(thin, thickness, shift, first, last) for first, last in bands)
    return [line for line in lines if line is not None]


def _counts(mask: Mask, columns: Integers) -> Integers:
    """Return in how many of the columns a line at each slope and row is: int [slopes, height]."""
    height, width = mask.shape
    reach = int(np.ceil(_MAX_SLOPE * width / 2)) + 1
    padded = np.pad(mask[:, columns], ((reach + 1, reach + 1), (0, 0)))
    padded = padded[:-2] | padded[1:-1] | padded[2:]  # a row off is near enough
    rows = np.arange(height)[:, None] + reach
    every = np.arange(columns.size)
    lines = [padded[rows + _shift(slope, columns, width), every] for slope in _SLOPES]
    return np.stack([line.sum(axis=1) for line in lines])


def _line(thin: Mask, thickness: Integers, shift: Integers, first: int, last: int) -> Line | None:
    """Return the line in a band of rows, which are shifted by the line's slope."""
    height, width = thin.shape
    rows = np.arange(first - 1, last + 1)[:, None] + shift
    inside = (rows >= 0) & (rows < height)
    mask = np.zeros_like(thin)
    mask[rows[inside], np.broadcast_to(np.arange(width), rows.shape)[inside]] = True
    mask &= thin
    if not mask.any():
        return None
    usual = float(np.median(thickness[mask]))
    mask &= thickness <= 1.5 * usual + 1
    ys, xs = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    return Line(mask, int(ys[0]), int(ys[-1]) + 1, int(xs[0]), int(xs[-1]) + 1, usual)


def _shift(slope: float, columns: Integers, width: int) -> Integers:
    shift: Integers = np.rint(slope * (columns - width / 2)).astype(np.int64)
    return shift
