"""Connected parts of a black-and-white picture."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Mask = NDArray[np.bool_]
Integers = NDArray[np.int64]


@dataclass(frozen=True)
class Components:
    """The connected parts of a mask, diagonal neighbours included.

    A box is [top, bottom) x [left, right), in pixels; every array has an entry for each part.
    """

    labels: Integers
    """int64 [height, width]: each pixel's part, counted from 1; 0 where the mask is False."""
    top: Integers
    bottom: Integers
    left: Integers
    right: Integers
    area: Integers

    @property
    def height(self) -> Integers:
        """Height of each part's box."""
        return self.bottom - self.top

    @property
    def width(self) -> Integers:
        """Width of each part's box."""
        return self.right - self.left

    @property
    def size(self) -> Integers:
        """Longer side of each part's box."""
        return np.maximum(self.height, self.width)

    def mask(self, chosen: Mask) -> Mask:
        """Return the pixels of the chosen parts; `chosen` is bool [parts]."""
        return np.concatenate([[False], chosen])[self.labels]


def components(mask: Mask) -> Components:
    """Find the connected parts of a mask, bool [height, width]."""
    height, width = mask.shape
    stride = width + 2
    starts, ends = _runs(mask)
    roots = _connected(starts, ends, stride)
    _, part = np.unique(roots, return_inverse=True)
    count = int(part.max(initial=-1)) + 1
    row, left, length = starts // stride, starts % stride - 1, ends - starts
    top, left_most = np.full(count, height), np.full(count, width)
    bottom, right = np.zeros(count, np.int64), np.zeros(count, np.int64)
    np.minimum.at(top, part, row)
    np.maximum.at(bottom, part, row + 1)
    np.minimum.at(left_most, part, left)
    np.maximum.at(right, part, left + length)
    labels = np.zeros(height * width, dtype=np.int64)
    labels[mask.ravel()] = np.repeat(part + 1, length)
    area = np.bincount(part, weights=length, minlength=count).astype(np.int64)
    return Components(labels.reshape(height, width), top, bottom, left_most, right, area)


def _runs(mask: Mask) -> tuple[Integers, Integers]:
    """Return where each row's runs start and end, counted through rows of width + 2 pixels."""
    flat = np.pad(mask, ((0, 0), (1, 1))).ravel()
    changes = np.flatnonzero(flat[1:] != flat[:-1]) + 1
    return changes[::2], changes[1::2]


def _connected(starts: Integers, ends: Integers, stride: int) -> Integers:
    """Return for each run the first run of the part that it belongs to."""
    first = np.searchsorted(ends, starts + stride - 1, side="right")
    count = np.searchsorted(starts, ends + stride + 1) - first
    above = np.repeat(np.arange(starts.size), count)
    below = np.arange(above.size) + np.repeat(first - count.cumsum() + count, count)
    roots = np.arange(starts.size)
    while True:
        one, other = roots[above], roots[below]
        if np.array_equal(one, other):
            return roots
        np.minimum.at(roots, np.maximum(one, other), np.minimum(one, other))
        while not np.array_equal(roots, next_roots := roots[roots]):
            roots = next_roots


def run_lengths(mask: Mask) -> Integers:
    """Return for each pixel the length of the row's run that it is in; 0 where mask is False."""
    starts, ends = _runs(mask)
    length = ends - starts
    lengths = np.zeros(mask.size, dtype=np.int64)
    lengths[mask.ravel()] = np.repeat(length, length)
    return lengths.reshape(mask.shape)
