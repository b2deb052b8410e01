"""Separating a symbol from everything around it: frames, boxes, lines, dark edges, dirt.

Something is removed only if something else remains: a loop that encloses nothing is a 0, and ink
that touches the edges is the symbol if there is no other.
"""

from dataclasses import dataclass

import numpy as np

from service.tasks.preprocessing.framing.components import Components, components
from service.tasks.preprocessing.framing.lines import lines_in
from service.tasks.preprocessing.framing.masks import Integers, Mask

_ROUNDS = 3  # of removing lines: the parts that they connected may have more lines
_MOST_PARTS = 64  # the largest ones, which are compared in pairs
_MOST_WITH_LINES = 4  # in which lines are searched
_SMALL = 0.06  # of the largest part's size: a smaller one is no reason to drop another


@dataclass(frozen=True)
class Reading:
    """What each marked pixel of a picture belongs to; bool [height, width]."""

    symbol: Mask
    main: Mask
    """The symbol's largest part, in its own box. A symbol may have more, like the bar of a 5."""
    frame: Mask
    """Lines, frames and dark edges. All else is dirt, or marks beside the symbol."""


def read_symbol(mask: Mask) -> Reading:
    """Separate the symbol among marked pixels, bool [height, width], from everything else."""
    rest, parts = mask, components(mask)
    for _ in range(_ROUNDS):
        lines = _lines(parts)
        if not lines.any():
            break
        rest = rest & ~lines
        parts = components(rest)
    unframed = np.ones(len(parts), dtype=np.bool_)
    if len(parts) > 1:
        unframed = _without(_enclosing(parts, unframed), unframed)
        unframed = _without(_at_the_edge(parts, unframed), unframed)
    symbol = unframed
    if len(parts) > 1:
        for drop in (_bars, _enclosing, _marks_around, _far):
            symbol = _without(drop(parts, symbol), symbol)
    main = parts.cut_out(int(np.where(symbol, parts.size, 0).argmax()))
    return Reading(parts.mask(symbol), main, mask & ~parts.mask(unframed))


def _without(dropped: Mask, kept: Mask) -> Mask:
    left = kept & ~dropped
    return left if left.any() else kept


def _lines(parts: Components) -> Mask:
    """Return the pixels of lines through the whole picture, or else through its larger parts."""
    height, width = parts.labels.shape
    lines = np.zeros((height, width), dtype=np.bool_)
    if _reaches_opposite_edges(parts.labels > 0):
        lines = lines_in(parts.labels > 0, spans_width=True, spans_height=True)
        if lines.any():
            return lines
    largest = np.argsort(-parts.size)[:_MOST_WITH_LINES]
    for part in largest[parts.size[largest] >= 0.3 * parts.size.max(initial=0)].tolist():
        lines[parts.box(part)] |= lines_in(
            parts.cut_out(part),
            spans_width=bool(parts.width[part] == width),
            spans_height=bool(parts.height[part] == height),
        )
    return lines


def _reaches_opposite_edges(mask: Mask) -> bool:
    top, bottom, left, right = (bool(m.any()) for m in (mask[0], mask[-1], mask[:, 0], mask[:, -1]))
    return (top and bottom) or (left and right)


def _main(parts: Components, kept: Mask) -> int:
    """Return the largest part; a flat one counts for less, since no digit is flat."""
    return int(np.where(kept, np.minimum(parts.size, 2.5 * parts.height), 0).argmax())


def _compared(parts: Components, kept: Mask) -> Integers:
    """Return the parts that are large enough to be compared in pairs."""
    sizes = np.where(kept, parts.size, 0)
    largest = np.argsort(-sizes)[:_MOST_PARTS]
    return np.asarray(largest[sizes[largest] >= max(1.0, _SMALL * sizes.max())])


def _marked(parts: Components, chosen: Integers) -> Mask:
    marked = np.zeros(len(parts), dtype=np.bool_)
    marked[chosen] = True
    return marked


def _enclosing(parts: Components, kept: Mask) -> Mask:
    """Mark frames: hollow parts with a part inside that is more than a dot, and their like."""
    some = _compared(parts, kept)
    top, bottom, left, right = (
        side[some] for side in (parts.top, parts.bottom, parts.left, parts.right)
    )
    size, area, around = parts.size[some], parts.area[some], parts.height[some] + parts.width[some]
    is_hollow = area <= 0.5 * parts.height[some] * parts.width[some]
    enough = np.maximum(0.1 * size, 5 * area / (2.0 * around))  # of a 0's dot it isn't
    inside = (top > top[:, None]) & (bottom < bottom[:, None])
    inside &= (left > left[:, None]) & (right < right[:, None])
    encloses = is_hollow & (inside & (size >= enough[:, None])).any(axis=1)
    in_its_row = (abs(top - top[:, None]) <= 2) & (abs(bottom - bottom[:, None]) <= 2)
    in_its_row &= (left >= right[:, None]) | (right <= left[:, None])
    return _marked(parts, some[encloses | in_its_row[encloses].any(axis=0)])


def _at_the_edge(parts: Components, kept: Mask) -> Mask:
    """Mark what touches the picture's edges, if a part that doesn't may be the symbol."""
    height, width = parts.labels.shape
    edges = (parts.labels[0], parts.labels[-1], parts.labels[1:-1, 0], parts.labels[1:-1, -1])
    contact = np.bincount(np.concatenate(edges), minlength=len(parts) + 1)[1:]
    free = kept & (contact == 0) & ~_is_blot(parts) & (10 * parts.height > parts.width)
    if not free.any():
        return np.asarray(free)
    main = _main(parts, free)
    size = parts.size[main]
    is_border = contact >= height + width
    is_much_larger = parts.size * np.where(is_border, 0.1, 0.25) > size
    near = _gap(parts, main) <= 0.12 * size
    near &= (contact <= 0.25 * size) | _fills_the_picture(parts, main)
    near &= (parts.size < size) & (parts.height < height) & (parts.width < width)
    return np.asarray((contact > 0) & ~is_much_larger & ~near & ~_is_sheet(parts, main, contact))


def _fills_the_picture(parts: Components, main: int) -> Mask:
    """Tell which parts leave no margin together with the main one: the picture is cut close."""
    height, width = parts.labels.shape
    tall = np.maximum(parts.bottom, parts.bottom[main]) - np.minimum(parts.top, parts.top[main])
    wide = np.maximum(parts.right, parts.right[main]) - np.minimum(parts.left, parts.left[main])
    return np.asarray((tall >= 0.93 * height) & (wide >= 0.93 * width))


def _is_sheet(parts: Components, main: int, contact: Integers) -> Mask:
    """Tell which parts would look like paper around the main part in the inverse picture."""
    height, width = parts.labels.shape
    is_full = parts.area > 0.5 * parts.height * parts.width
    around = (parts.top <= parts.top[main]) & (parts.bottom >= parts.bottom[main])
    around &= (parts.left <= parts.left[main]) & (parts.right >= parts.right[main])
    return np.asarray(is_full & around & (contact < height + width))


def _is_blot(parts: Components) -> Mask:
    """Tell which parts are as wide as high, and full: punched holes, dots."""
    is_full = parts.area > 0.75 * parts.height * parts.width
    return np.asarray(is_full & (parts.size < 1.4 * np.minimum(parts.height, parts.width)))


def _gap(parts: Components, main: int) -> Integers:
    """Return how far each part's box is from the main one's, in pixels."""
    down = np.maximum(parts.top - parts.bottom[main], parts.top[main] - parts.bottom)
    aside = np.maximum(parts.left - parts.right[main], parts.left[main] - parts.right)
    return np.asarray(np.maximum(np.maximum(down, aside), 0))


def _bars(parts: Components, kept: Mask) -> Mask:
    """Mark thin parts beside another that are longer than it: underlines, brackets."""
    some = _compared(parts, kept)
    top, bottom, left, right = (
        side[some] for side in (parts.top, parts.bottom, parts.left, parts.right)
    )
    size = parts.size[some]
    is_thin = parts.area[some] <= 0.25 * size**2
    is_worth = size >= 0.25 * size[:, None]
    beside = _is_longer(top, bottom, left, right) | _is_longer(left, right, top, bottom)
    return _marked(parts, some[is_thin & (beside & is_worth).any(axis=1)])


def _is_longer(near: Integers, far: Integers, start: Integers, end: Integers) -> Mask:
    """Tell for each pair whether the first is a separate bar that extends beyond the second.

    `near` and `far` are the sides across the bar, `start` and `end` those along it.
    """
    length = end - start
    apart = (near[:, None] >= far) | (far[:, None] <= near)
    before, after = start - start[:, None], end[:, None] - end
    covers = np.minimum(before, after) >= -0.03 * length[:, None]
    covers &= before + after >= 0.15 * length[:, None]
    return np.asarray(apart & covers & (length >= 5 * (far - near))[:, None])


def _marks_around(parts: Components, kept: Mask) -> Mask:
    """Mark parts on opposite sides of the main one: corners, dots, dashes."""
    main = _main(parts, kept)
    y, x = (parts.top + parts.bottom) / 2, (parts.left + parts.right) / 2
    sides = [y <= parts.top[main], y >= parts.bottom[main]]
    sides += [x <= parts.left[main], x >= parts.right[main]]
    above, below, before, after = (bool((side & kept).any()) for side in sides)
    around = kept & np.logical_or.reduce(sides)
    if around.sum() >= 3 and ((above and below) or (before and after)):
        return np.asarray(around)
    return np.zeros_like(kept)


def _far(parts: Components, kept: Mask) -> Mask:
    """Mark small parts and blots that aren't near the main one."""
    main = _main(parts, kept)
    small = (parts.size < 0.5 * parts.size[main]) | _is_blot(parts)
    far = small & (_gap(parts, main) > 0.12 * parts.size[main])
    far[main] = False
    return np.asarray(far)
