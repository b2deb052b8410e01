"""Telling a symbol from what it is written on: frames, boxes, lines, dark edges, dirt.

The shares below were found on drawn forms and on MNIST's digits, and tried on others
(tests/service/test_forms.py): a frame is to go, and no stroke of a digit with it.
"""

import numpy as np

from service.core.components import Components, Integers, Mask, components, run_lengths
from service.core.ruling import lines_in

_ROUNDS = 3  # times that lines are looked for: a box in a frame shows once the frame is gone
_LARGE = 0.3  # of the largest part's size: such parts may have lines running through them
_SIZEABLE = 0.06  # of the largest part's size: what is smaller is neither frame nor symbol
_MOST_LINED = 8  # parts that lines are looked for in, ...
_MOST_COMPARED = 48  # ... and that are compared with each other: noise has thousands
_NEAR = 0.12  # of the symbol's size: as far as a stroke that came loose lies from it


def symbol_of(mask: Mask) -> Mask:
    """Return what of the marked pixels is the symbol; both are bool [height, width]."""
    for _ in range(_ROUNDS):
        parts = components(mask)
        lines = _lines(mask, parts)
        if not lines.any():
            break
        mask = mask & ~lines
    else:
        parts = components(mask)
    return parts.mask(_symbol_parts(parts, mask))


def _largest(parts: Components, kept: Mask, share: float, most: int) -> Integers:
    """Return up to `most` of the kept parts, the largest first: none below a share of its size."""
    large = np.flatnonzero(kept & (parts.size >= share * parts.size[kept].max(initial=0)))
    return large[np.argsort(-parts.size[large], kind="stable")][:most]


def _lines(mask: Mask, parts: Components) -> Mask:
    """Return the lines that run through large parts."""
    lines = np.zeros_like(mask)
    every = np.ones(parts.size.size, dtype=np.bool_)
    for i in _largest(parts, every, _LARGE, _MOST_LINED).tolist():
        if min(parts.height[i], parts.width[i]) < 4:
            continue
        box = np.s_[parts.top[i] : parts.bottom[i], parts.left[i] : parts.right[i]]
        across = bool(parts.width[i] == mask.shape[1])
        upright = bool(parts.height[i] == mask.shape[0])
        lines[box] |= lines_in(parts.labels[box] == i + 1, across=across, upright=upright)
    return lines


def _symbol_parts(parts: Components, mask: Mask) -> Mask:
    """Tell which parts are the symbol's, bool [parts]."""
    kept = np.ones(parts.area.size, dtype=np.bool_)
    if kept.size < 2:
        return kept
    kept = _without_frames(parts, kept)
    kept = _without_edges(parts, kept, mask.shape)
    kept = _without_bars(parts, kept)
    kept = _without_frames(parts, kept)
    kept = _without_corners(parts, kept)
    return _without_dirt(parts, kept)


def _without_frames(parts: Components, kept: Mask) -> Mask:
    """Leave out thin parts with a sizeable part inside, and their neighbours in a row of boxes."""
    kept = kept.copy()
    big = _largest(parts, kept, _SIZEABLE, _MOST_COMPARED)
    for a in big.tolist():
        if parts.area[a] > 0.5 * parts.height[a] * parts.width[a]:
            continue
        ring = parts.area[a] / (2.0 * (parts.height[a] + parts.width[a]))  # its line's width
        inside = (
            (parts.top[big] > parts.top[a])
            & (parts.bottom[big] < parts.bottom[a])
            & (parts.left[big] > parts.left[a])
            & (parts.right[big] < parts.right[a])
            & (parts.size[big] >= max(0.1 * parts.size[a], 5 * ring))
            & kept[big]
        )
        if inside.any():
            kept[a] = False
            kept &= ~_in_row_with(parts, a)
    return kept


def _in_row_with(parts: Components, frame: int) -> Mask:
    beside = (parts.left >= parts.right[frame]) | (parts.right <= parts.left[frame])
    level_top = np.abs(parts.top - parts.top[frame]) <= 2
    level_bottom = np.abs(parts.bottom - parts.bottom[frame]) <= 2
    return np.asarray(beside & level_top & level_bottom)


def _without_edges(parts: Components, kept: Mask, shape: tuple[int, ...]) -> Mask:
    """Leave out what touches the picture's edge, unless it belongs to a symbol that does."""
    height, width = shape
    labels = parts.labels
    on_edge = np.concatenate([labels[0], labels[-1], labels[1:-1, 0], labels[1:-1, -1]])
    contact = np.bincount(on_edge, minlength=kept.size + 1)[1:]
    free = kept & (contact == 0) & ~_is_blot(parts)
    if not free.any():
        return kept
    main = int(np.where(free, parts.size, 0).argmax())
    size = parts.size[main]
    is_speck = size < np.where(contact >= height + width, 0.1, 0.25) * parts.size
    belongs = _belongs(parts, main, contact, shape) | _is_sheet(parts, main, contact, shape)
    return np.asarray(kept & ((contact == 0) | is_speck | belongs))


def _belongs(parts: Components, main: int, contact: Integers, shape: tuple[int, ...]) -> Mask:
    """Tell which parts at the edge are strokes of the main part's symbol."""
    height, width = shape
    size = parts.size[main]
    spans = (parts.top == 0) & (parts.bottom == height)
    spans |= (parts.left == 0) & (parts.right == width)
    tall = np.maximum(parts.bottom, parts.bottom[main]) - np.minimum(parts.top, parts.top[main])
    wide = np.maximum(parts.right, parts.right[main]) - np.minimum(parts.left, parts.left[main])
    is_tight = (tall >= 0.93 * height) & (wide >= 0.93 * width)
    touches_little = (contact <= 0.25 * size) | is_tight
    near = _gap(parts, main) <= _NEAR * size
    return np.asarray(near & touches_little & ~spans & (parts.size < size))


def _is_sheet(parts: Components, main: int, contact: Integers, shape: tuple[int, ...]) -> Mask:
    """Tell which parts are a sheet of paper with the main part on it."""
    return np.asarray(
        (parts.area > 0.5 * parts.height * parts.width)
        & (contact < sum(shape))
        & (parts.top <= parts.top[main])
        & (parts.bottom >= parts.bottom[main])
        & (parts.left <= parts.left[main])
        & (parts.right >= parts.right[main])
    )


def _is_blot(parts: Components) -> Mask:
    """Tell which parts are blots: as wide as high, and full."""
    short = np.minimum(parts.height, parts.width)
    is_full = parts.area > 0.75 * parts.height * parts.width
    return np.asarray(is_full & (parts.size < 1.4 * short))


def _gap(parts: Components, main: int) -> Integers:
    """Return how many rows or columns lie between each part's box and the main part's."""
    rows = np.maximum(parts.top - parts.bottom[main], parts.top[main] - parts.bottom)
    columns = np.maximum(parts.left - parts.right[main], parts.left[main] - parts.right)
    return np.asarray(np.maximum(np.maximum(rows, columns), 0))


def _without_bars(parts: Components, kept: Mask) -> Mask:
    """Leave out lines above, below or beside a sizeable part, that are longer than it."""
    kept = kept.copy()
    big = sorted(_largest(parts, kept, _SIZEABLE, _MOST_COMPARED).tolist())
    for a in big:
        if parts.area[a] <= 0.25 * parts.size[a] ** 2:
            kept[a] = not any(_is_bar(parts, a, m) for m in big if m != a and kept[m])
    return kept


def _is_bar(parts: Components, a: int, m: int) -> bool:
    """Tell whether part `a` is a line that runs past part `m` on one of its sides."""
    if parts.size[m] < 0.25 * parts.size[a]:
        return False
    for start, end, low, high in (
        (parts.top, parts.bottom, parts.left, parts.right),
        (parts.left, parts.right, parts.top, parts.bottom),
    ):
        across, along = end[a] - start[a], high[a] - low[a]
        apart = start[a] >= end[m] or end[a] <= start[m]
        if apart and along >= 3 * across:
            before, after = low[m] - low[a], high[a] - high[m]
            if min(before, after) >= -0.03 * along and before + after >= 0.15 * along:
                return True
    return False


def _without_corners(parts: Components, kept: Mask) -> Mask:
    """Leave out marks on opposite sides of the main part: corners, dots, dashes."""
    main = int(np.where(kept, parts.size, 0).argmax())
    y, x = (parts.top + parts.bottom) / 2, (parts.left + parts.right) / 2
    sides = np.stack(
        [
            y <= parts.top[main],
            y >= parts.bottom[main],
            x <= parts.left[main],
            x >= parts.right[main],
        ]
    )
    sides &= kept
    above, below, before, after = (bool(side.any()) for side in sides)
    around = sides.any(axis=0)
    if around.sum() >= 3 and ((above and below) or (before and after)):
        return np.asarray(kept & ~around)
    return kept


def _without_dirt(parts: Components, kept: Mask) -> Mask:
    """Leave out small parts and blots that lie apart from the main part."""
    main = int(np.where(kept, parts.size, 0).argmax())
    size = parts.size[main]
    small = (parts.size < 0.5 * size) | _is_blot(parts)
    small[main] = False
    return np.asarray(kept & ~(small & (_gap(parts, main) > _NEAR * size)))


def thickness(mask: Mask) -> float:
    """Return how thick a symbol is, as a share of its size."""
    parts = components(mask)
    if not parts.area.size:
        return 1.0
    i = int(parts.size.argmax())
    box = np.s_[parts.top[i] : parts.bottom[i], parts.left[i] : parts.right[i]]
    part = parts.labels[box] == i + 1
    runs = np.minimum(run_lengths(part), run_lengths(np.ascontiguousarray(part.T)).T)
    return float(np.median(runs[part])) / float(parts.size[i])
