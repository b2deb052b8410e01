"""Black-and-white pictures (masks): their runs, their bounds, their surroundings."""

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Mask: TypeAlias = NDArray[np.bool_]
Integers: TypeAlias = NDArray[np.int64]


@dataclass(frozen=True)
class Runs:
    """The runs of True in a mask's rows, from the top to the bottom, from left to right."""

    row: Integers
    start: Integers
    """The first column of each run."""
    length: Integers

    def __getitem__(self, chosen: Mask) -> "Runs":
        return Runs(self.row[chosen], self.start[chosen], self.length[chosen])

    def drawn(self, shape: tuple[int, ...]) -> Mask:
        """Return a mask of a shape in which these runs are True."""
        first = self.row * shape[1] + self.start
        offset = np.arange(int(self.length.sum()))
        offset -= np.repeat(self.length.cumsum() - self.length, self.length)
        mask = np.zeros(shape, dtype=np.bool_)
        mask.ravel()[np.repeat(first, self.length) + offset] = True
        return mask


def runs(mask: Mask) -> Runs:
    """Find the runs of True in the rows of a mask, bool [height, width]."""
    padded = np.zeros((mask.shape[0], mask.shape[1] + 2), dtype=np.bool_)
    padded[:, 1:-1] = mask
    flat = padded.ravel()
    changes = np.flatnonzero(flat[1:] != flat[:-1])
    starts, ends = changes[::2], changes[1::2]
    row = starts // padded.shape[1]
    return Runs(row, starts - row * padded.shape[1], ends - starts)


def stroke_width(mask: Mask) -> float:
    """Return how thick the strokes of a mask are, in pixels: the median over its pixels.

    A pixel's thickness is the shorter of its row's run and its column's run.
    """
    across, along = _run_lengths(mask), _run_lengths(mask.T).T
    return float(np.median(np.minimum(across, along)[mask]))


def _run_lengths(mask: Mask) -> Integers:
    """Return for each pixel the length of its run in the row; 0 where it is False."""
    length = runs(mask).length
    lengths = np.zeros(mask.shape, dtype=np.int64)
    lengths[mask] = np.repeat(length, length)
    return lengths


def bounds(mask: Mask) -> tuple[slice, slice]:
    """Return the rows and the columns of the True pixels' bounds; at least one must be True."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    return slice(int(rows[0]), int(rows[-1]) + 1), slice(int(columns[0]), int(columns[-1]) + 1)


def spread(mask: Mask, distance: int) -> Mask:
    """Return the pixels that are within a square of `distance` pixels around True ones."""
    return _spread_rows(_spread_rows(mask, distance).T, distance).T


def _spread_rows(mask: Mask, distance: int) -> Mask:
    height = mask.shape[0]
    near = mask.copy()
    for step in range(1, min(distance, height - 1) + 1):
        near[step:] |= mask[:-step]
        near[:-step] |= mask[step:]
    return near
