"""The connected parts of a black-and-white picture."""

from dataclasses import dataclass

import numpy as np

from service.tasks.preprocessing.framing.masks import Integers, Mask, Runs, runs


@dataclass(frozen=True)
class Components:
    """The connected parts of a mask, diagonal neighbours included; arrays have one entry per part.

    A part's box is rows `top` to `bottom` and columns `left` to `right`, the ends excluded.
    """

    labels: Integers
    """int64 [height, width]: each pixel's part, counted from 1; 0 where the mask is False."""
    top: Integers
    bottom: Integers
    left: Integers
    right: Integers
    height: Integers
    width: Integers
    size: Integers
    """Longer side of each box."""
    area: Integers
    """Pixels of each part."""

    def __len__(self) -> int:
        return self.area.size

    def mask(self, chosen: Mask) -> Mask:
        """Return the pixels of the chosen parts; `chosen` is bool [parts]."""
        return np.asarray(np.concatenate([[False], chosen])[self.labels])

    def box(self, part: int) -> tuple[slice, slice]:
        """Return the rows and the columns of a part's bounding box."""
        return (
            slice(int(self.top[part]), int(self.bottom[part])),
            slice(int(self.left[part]), int(self.right[part])),
        )

    def cut_out(self, part: int) -> Mask:
        """Return one part as a mask of the size of its bounding box."""
        return np.asarray(self.labels[self.box(part)] == part + 1)


def components(mask: Mask) -> Components:
    """Find the connected parts of a mask, bool [height, width]."""
    found = runs(mask)
    first = _first_runs(found, mask.shape[1])
    is_first = first == np.arange(first.size)
    part = (is_first.cumsum() - 1)[first]
    count, end = np.count_nonzero(is_first), found.start + found.length
    top, left = (np.full(count, size) for size in mask.shape)
    bottom, right = np.zeros((2, count), dtype=np.int64)
    np.minimum.at(top, part, found.row)
    np.maximum.at(bottom, part, found.row + 1)
    np.minimum.at(left, part, found.start)
    np.maximum.at(right, part, end)
    labels = np.zeros(mask.shape, dtype=np.int64)
    labels[mask] = np.repeat(part + 1, found.length)
    area = np.bincount(part, weights=found.length, minlength=count).astype(np.int64)
    height, width = bottom - top, right - left
    size = np.maximum(height, width)
    return Components(labels, top, bottom, left, right, height, width, size, area)


def _first_runs(found: Runs, width: int) -> Integers:
    """Return for each run the first run of the part that it belongs to.

    It builds a forest (union-find): for each touching pair the later root becomes a child of the
    earlier one, until nothing changes.
    """
    above, below = _touching(found, width)
    root = np.arange(found.row.size)
    while True:
        one, other = root[above], root[below]
        if (one == other).all():
            return root
        np.minimum.at(root, np.maximum(one, other), np.minimum(one, other))
        while not ((roots_root := root[root]) == root).all():
            root = roots_root


def _touching(found: Runs, width: int) -> tuple[Integers, Integers]:
    """Return the pairs of touching runs: one in a row, the other in the row below."""
    stride = width + 2  # so far apart that no run touches the next row's in the same line
    starts = found.row * stride + found.start
    ends = starts + found.length
    first = np.searchsorted(ends, starts + stride)
    count = np.searchsorted(starts, ends + stride, side="right") - first
    above = np.repeat(np.arange(starts.size), count)
    below = np.arange(above.size) + np.repeat(first - count.cumsum() + count, count)
    return above, below
