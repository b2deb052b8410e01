"""Straight lines that run through a symbol or touch it: ruled paper, boxes, underlines.

The ends distinguish a line from a stroke: a line continues on both sides beyond what it crosses,
while the bar of a 7 or a 4 starts or ends at another stroke of the digit.
"""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from service.tasks.preprocessing.framing.components import components
from service.tasks.preprocessing.framing.masks import (
    Integers,
    Mask,
    Runs,
    bounds,
    runs,
    stroke_width,
)

_SMALLEST = 8  # px: a smaller part is too coarse to tell lines from strokes
_SLOPES = np.linspace(-0.09, 0.09, 9)  # up to five degrees
_MAX_THICKNESS = 0.09  # of the part's longer side
_ALONE = 0.4  # share of its length on which a line isn't part of a thicker stroke
_DRAWN = 0.85  # share of its length on which there is any ink
_RULING = 4  # so many parallel lines aren't a digit's
_THIN = 0.6  # of the strokes' width: a line thinner than this is no stroke beside them


@dataclass(frozen=True)
class _Line:
    """A straight line in a part: its extent `along` one axis, its position `across` it."""

    mask: Mask
    upright: bool
    along: slice
    across: slice
    thickness: float


def lines_in(part: Mask, *, spans_width: bool, spans_height: bool) -> Mask:
    """Return the pixels of the lines that run through a part and beyond the rest of it.

    Args:
        part: bool [height, width], a connected part's own box.
        spans_width: the part goes from the picture's left edge to its right one.
        spans_height: it goes from the top edge to the bottom one.
    """
    level = _level_lines(part)
    upright = [_turned(line) for line in _level_lines(part.T)]
    sets = [level + upright, level, upright] if level and upright else [level + upright]
    for lines in sets:
        foreign = _foreign(part, lines, spans={False: spans_width, True: spans_height})
        if foreign.any():
            return foreign
    return np.zeros_like(part)


def _turned(line: _Line) -> _Line:
    return replace(line, mask=line.mask.T, upright=True)


def _foreign(part: Mask, lines: list[_Line], spans: dict[bool, bool]) -> Mask:
    """Return the pixels of those lines that aren't strokes of the rest of the part."""
    while lines:
        drawn = np.logical_or.reduce([line.mask for line in lines])
        rest = _without_crumbs(part & ~drawn)
        if not rest.any():
            break
        box, stroke = bounds(rest), stroke_width(rest)
        kept = [
            line
            for line in lines
            if sum(other.upright == line.upright for other in lines) >= _RULING
            or _goes_beyond(line, box, stroke, spans=spans[line.upright])
        ]
        if len(kept) == len(lines) or _is_box(lines, part.shape, box):
            return np.asarray(drawn)
        lines = kept
    return np.zeros_like(part)


def _without_crumbs(rest: Mask) -> Mask:
    """Return the large parts; nothing if there are only small ones."""
    parts = components(rest)
    largest = parts.size.max(initial=0)
    if largest < 0.1 * max(rest.shape):
        return np.zeros_like(rest)
    return parts.mask(parts.size >= 0.3 * largest)


def _goes_beyond(line: _Line, box: tuple[slice, slice], stroke: float, *, spans: bool) -> bool:
    """Tell whether a line is longer, on both sides, than what is in the box."""
    across, along = box[::-1] if line.upright else box
    beyond = min(along.start - line.along.start, line.along.stop - along.stop)
    if beyond < 2.5:  # px
        return False
    if line.thickness <= _THIN * stroke:
        needed = 0.05
    elif across.stop <= line.across.stop + 2:  # below it all, or to its right
        needed = 0.1
    else:
        needed = 0.15 if spans else 0.25  # an open 4 is crossed by its own upright stroke
    return bool(beyond > needed * (line.along.stop - line.along.start))


def _is_box(lines: list[_Line], shape: tuple[int, ...], box: tuple[slice, slice]) -> bool:
    """Tell whether lines are on all four sides of a part, and the rest doesn't fill it."""
    for upright, size, rest in zip((False, True), shape, box, strict=True):
        near = 0.08 * size + 1
        across = [line.across for line in lines if line.upright == upright]
        if not any(side.start <= near for side in across):
            return False
        if not any(side.stop >= size - near for side in across):
            return False
        if rest.start <= near and rest.stop >= size - near:
            return False
    return True


def _level_lines(part: Mask) -> list[_Line]:
    """Find nearly horizontal lines as long as the part is wide, all with the same slope.

    A Hough transform finds them among the thin runs of each column: for every slope it counts the
    middles of the runs along each line of that slope.
    """
    height, width = part.shape
    if min(height, width) < _SMALLEST:
        return []
    found = runs(part.T)
    thin = found[found.length <= max(2, round(_MAX_THICKNESS * max(height, width)))]
    if thin.row.size < _ALONE * width:
        return []
    drift = np.rint(_SLOPES[:, None] * (np.arange(width) - width / 2)).astype(np.int64)
    reach = int(drift.max()) + 1
    level = thin.start + thin.length // 2 - drift[:, thin.row]  # where a line starts, by slope
    counts = _counted(level + reach, height + 2 * reach)
    counts[counts < _ALONE * width] = 0
    best = int((counts.astype(np.float64) ** 4).sum(axis=1).argmax())  # few and strong ones
    rows = np.flatnonzero(counts[best])
    rows = rows[_drawn(part, rows[:, None] - reach + drift[best]) >= _DRAWN]
    return _as_lines(part, thin, level[best] + reach, rows)


def _as_lines(part: Mask, thin: Runs, level: Integers, rows: Integers) -> list[_Line]:
    """Return the lines that the runs near each group of neighbouring rows make."""
    lines = []
    for group in np.split(rows, np.flatnonzero(np.diff(rows) > 1) + 1):
        if not group.size:
            continue
        chosen = thin[(level >= group[0] - 1) & (level <= group[-1] + 1)]
        thickness = float(np.median(chosen.length))
        mask = chosen[chosen.length <= 1.5 * thickness + 1].drawn(part.T.shape).T
        across, along = bounds(mask)
        lines.append(_Line(mask, upright=False, along=along, across=across, thickness=thickness))
    return lines


def _counted(level: Integers, height: int) -> Integers:
    """Count how many runs are at each level or next to it: int64 [slopes, height]."""
    slopes = level.shape[0]
    places = (level + height * np.arange(slopes)[:, None]).ravel()
    counts = np.bincount(places, minlength=slopes * height).reshape(slopes, height)
    near = counts.copy()
    near[:, 1:] += counts[:, :-1]
    near[:, :-1] += counts[:, 1:]
    return near


def _drawn(part: Mask, rows: Integers) -> NDArray[np.float64]:
    """Return the share of each line's pixels that are True there, or one row above or below.

    `rows` is int64 [lines, width]: the line's row in each column.
    """
    padded = np.pad(part, ((2, 2), (0, 0)))
    padded = padded[:-2] | padded[1:-1] | padded[2:]
    inside = np.clip(rows + 1, 0, part.shape[0] + 1)
    return np.asarray(padded[inside, np.arange(part.shape[1])].mean(axis=1))
