"""The cheapest way to run rows by programs of a few fixed sizes, told from their measured times."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

Run = tuple[int, int]
"""A half-open range of indexes."""


@dataclass(frozen=True, slots=True)
class Step:
    """A part of a batch: how many rows, and the size of the program that runs them.

    A program that is larger than its rows is padded. None is the plain program, of any size.
    """

    rows: int
    size: int | None


class Plan:
    """How to run any number of rows of one shape, by what is known of its programs so far.

    What a plain call takes between measured sizes is interpolated, beyond them extrapolated.
    """

    def __init__(self, max_rows: int) -> None:
        """Plan for up to `max_rows` rows; as long as nothing is measured, all run plain."""
        self._max_rows = max_rows
        self._plain: dict[int, float] = {}
        self._compiled: dict[int, float] = {}
        self._best: list[_Choice] = []

    def learn(self, size: int, *, plain: float, compiled: float | None) -> None:
        """Take in the seconds that `size` rows take; None for a program that shan't be used.

        Sizes come in ascending order. A larger program that seems faster was measured in a calmer
        moment: it counts as no faster.
        """
        self._plain[size] = plain
        if compiled is not None:
            self._compiled[size] = max(compiled, *self._compiled.values(), 0.0)
        best = [_Choice(0.0, Step(0, None))]
        for rows in range(1, self._max_rows + 1):
            best.append(self._choose(rows, best))
        self._best = best  # at once: a batch may be planned meanwhile, in another thread

    def steps(self, rows: int) -> list[Step]:
        """Return the steps to take, in order."""
        best = self._best
        if rows >= len(best):
            return [Step(rows, None)]
        steps: list[Step] = []
        while rows > 0:
            steps.append(best[rows].step)
            rows -= steps[-1].rows
        return steps

    def seconds(self, rows: int) -> float:
        """Return what those steps are expected to take: infinite if nothing was measured."""
        best = self._best
        return best[rows].seconds if rows < len(best) else math.inf

    def _choose(self, rows: int, best: "Sequence[_Choice]") -> "_Choice":
        choices = [_Choice(_at(self._plain, rows), Step(rows, None))]
        for size, seconds in self._compiled.items():
            taken = min(size, rows)
            choices.append(_Choice(seconds + best[rows - taken].seconds, Step(taken, size)))
        return min(choices, key=lambda choice: choice.seconds)


@dataclass(frozen=True, slots=True)
class _Choice:
    seconds: float
    step: Step


def _at(measured: dict[int, float], rows: int) -> float:
    """Return the seconds for `rows`, on the line through the two measured sizes next to them."""
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
    """Join neighbouring groups of rows where running them as one is cheaper than apart.

    A joined group runs at the length of its last. Found by dynamic programming over the places
    where to cut; groups without rows are left out.

    Args:
        sizes: how many rows each group has, by ascending length.
        seconds: tells what so many rows take at the length of a group (by its index).

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
