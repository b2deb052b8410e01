"""The fastest way to run a batch by programs of a few fixed sizes, from their measured times."""

import math
from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

Run = tuple[int, int]
"""A half-open range of indexes."""


@dataclass(frozen=True, slots=True)
class Step:
    """A part of a batch: how many rows, and the program whose size they are padded to."""

    rows: int
    size: int
    compiled: bool


class Plan:
    """How to run any number of rows of one shape, by what was measured of its programs so far.

    The time of a plain call is interpolated between measured sizes and extrapolated beyond them.
    """

    def __init__(self, max_rows: int) -> None:
        """Plan for up to `max_rows` rows. Until something is measured, all run plain."""
        self._max_rows = max_rows
        self._sizes = list(_plain_sizes(max_rows))
        self._plain: dict[int, float] = {}
        self._compiled: dict[int, float] = {}
        self._best = [_Choice(0.0, Step(0, 0, compiled=False))]
        self._best += (
            _Choice(math.inf, Step(rows, self._plain_size(rows), compiled=False))
            for rows in range(1, max_rows + 1)
        )

    def learn(self, size: int, *, plain: float, compiled: float | None) -> None:
        """Take in the seconds that `size` rows take; None if the compiled program isn't used.

        Sizes come in ascending order. If a larger program was measured as faster than a smaller
        one, the machine was less busy then: it counts as just as fast.
        """
        self._plain[size] = plain
        if compiled is not None:
            self._compiled[size] = max(compiled, *self._compiled.values(), 0.0)
        best = self._best[:1]
        for rows in range(1, self._max_rows + 1):
            best.append(self._choose(rows, best))
        self._best = best  # in one step: another thread may be planning a batch

    def steps(self, rows: int) -> list[Step]:
        """Return the steps to take, in order."""
        best = self._best
        if rows >= len(best):
            return [Step(rows, rows, compiled=False)]
        steps: list[Step] = []
        while rows > 0:
            steps.append(best[rows].step)
            rows -= steps[-1].rows
        return steps

    def seconds(self, rows: int) -> float:
        """Return how many seconds those steps should take: infinite if nothing was measured."""
        best = self._best
        return best[rows].seconds if rows < len(best) else math.inf

    def plain_sizes(self) -> list[int]:
        """Return the sizes at which the plan runs the plain program, in order."""
        steps = [choice.step for choice in self._best[1:]]
        return sorted({step.size for step in steps if not step.compiled})

    def _plain_size(self, rows: int) -> int:
        return self._sizes[bisect_left(self._sizes, rows)]

    def _choose(self, rows: int, best: "Sequence[_Choice]") -> "_Choice":
        plain = self._plain_size(rows)
        choices = [_Choice(_at(self._plain, plain), Step(rows, plain, compiled=False))]
        for size, seconds in self._compiled.items():
            step = Step(min(size, rows), size, compiled=True)
            choices.append(_Choice(seconds + best[rows - step.rows].seconds, step))
        return min(choices, key=lambda choice: choice.seconds)


@dataclass(frozen=True, slots=True)
class _Choice:
    seconds: float
    step: Step


def _plain_sizes(most: int) -> Iterator[int]:
    """Yield the sizes at which a plain program is called, up to and including `most`.

    It takes any size, but TensorFlow prepares for each one and keeps that: up to 8 ms and 1 MB for
    each size of the shipped models. A size is one more than the one before, or a quarter at most.
    """
    size = 1
    while size < most:
        yield size
        size += 1 << max(0, size.bit_length() - 3)
    yield most


def _at(measured: dict[int, float], rows: int) -> float:
    """Return the seconds for `rows`, on the line through the two nearest measured sizes."""
    sizes = sorted(measured)
    if len(sizes) == 1:
        return measured[sizes[0]]
    above = next((i for i, size in enumerate(sizes) if size >= rows), len(sizes) - 1)
    low, high = sizes[max(1, above) - 1], sizes[max(1, above)]
    slope = (measured[high] - measured[low]) / (high - low)
    return measured[low] + slope * (rows - low)


@dataclass(slots=True)
class _Cut:
    seconds: float
    runs: list[Run] = field(default_factory=list)


def join_groups(sizes: Sequence[int], seconds: Callable[[int, int], float]) -> list[Run]:
    """Join neighbouring groups of rows where one call is faster than two.

    A joined group runs at the length of its last group. Dynamic programming finds where to cut.
    Groups without rows are left out.

    Args:
        sizes: how many rows each group has, by ascending length.
        seconds: returns the time of so many rows at the length of a group (by its index).

    Returns:
        Runs of groups; the last group of each has rows.
    """
    filled = [index for index, size in enumerate(sizes) if size]
    best = [_Cut(0.0)]
    for stop, last in enumerate(filled):
        rows, cheapest = 0, _Cut(math.inf)
        for start in range(stop, -1, -1):
            rows += sizes[filled[start]]
            total = best[start].seconds + seconds(rows, last)
            if total < cheapest.seconds or not cheapest.runs:
                cheapest = _Cut(total, [*best[start].runs, (filled[start], last + 1)])
        best.append(cheapest)
    return best[-1].runs
