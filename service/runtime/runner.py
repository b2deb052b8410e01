"""Running a signature by the cheapest mix of its programs, plain and compiled, at each shape.

XLA wins where a call's overhead counts (small batches, recurrent layers), TensorFlow's own
kernels win where arithmetic does. Which one does is a property of the model, the shape and the
machine, so it is measured: programs of a few batch sizes are compiled, behind the traffic, and
timed against a plain call. A batch is then run as the parts that take the least time together.
"""

import math
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from service.runtime.planning import Plan, Step
from service.runtime.saved_model import Array, Program, Signature

PROGRAM_SIZES = (1, 4, 16)
"""Batch sizes that are compiled. Each program costs megabytes; sizes between these and beyond
them brought a few percent (measured on the shipped models)."""

_WORTH_IT = 0.9  # a compiled call must beat a plain one by this much to be kept
_ROUNDS = 7  # timed calls of each program, in turn

Shape = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Race:
    """How a plain and a compiled call of one shape compare, in seconds, and who won."""

    shape: Shape
    plain: float
    compiled: float
    use_compiled: bool


@dataclass(frozen=True, slots=True)
class ShapeProgram:
    """Which program runs the batches of one shape, and what a call of each takes.

    `shapes` are the batch's, by the name of the model's input. The seconds are None for a program
    that wasn't timed: not yet, or because compiling didn't pay for a smaller batch.
    """

    shapes: dict[str, Shape]
    plain: float | None
    compiled: float | None
    used: Literal["plain", "compiled"]


class Runner:
    """Runs a signature on batches whose rows have one of a few shapes."""

    def __init__(
        self,
        signature: Signature,
        dtype: np.dtype[Any],
        row_shapes: Sequence[Shape],
        max_batch_size: int,
    ) -> None:
        """Run everything plain, until `optimize` has found what is faster compiled."""
        self._plain = signature
        self._dtype = dtype
        self._sizes = [size for size in PROGRAM_SIZES if size <= max_batch_size]
        self._compiled: dict[Shape, Program] = {}
        self._races: dict[Shape, Race] = {}
        self._plans = {row: Plan(max_batch_size) for row in row_shapes}
        self._input_elements = self._padding_elements = 0

    @property
    def elements(self) -> tuple[int, int]:
        """How many elements of batches were computed in all: of inputs, and of padding."""
        return self._input_elements, self._padding_elements

    def __call__(self, batch: Array, used: int | None = None) -> dict[str, Array]:
        """Run the model on `batch`, [n, *row]; return its outputs, each [n, ...].

        `used` is how many of the batch's elements aren't padding, all of them if None.
        """
        plan = self._plans.get(batch.shape[1:])
        steps = plan.steps(len(batch)) if plan else [Step(len(batch), len(batch), compiled=False)]
        self._count(batch, steps, batch.size if used is None else used)
        outputs: list[dict[str, Array]] = []
        start = 0
        for step in steps:
            outputs.append(self._run(batch[start : start + step.rows], step))
            start += step.rows
        if len(outputs) == 1:
            return outputs[0]
        return {name: np.concatenate([part[name] for part in outputs]) for name in outputs[0]}

    def seconds(self, rows: int, row: Shape) -> float:
        """Return what `rows` rows of shape `row` are expected to take; infinite if unknown."""
        return self._plans[row].seconds(rows)

    def warm_up(self) -> None:
        """Run every row shape once, plain: from then on every request can be answered."""
        for row in self._plans:
            self._plain(np.zeros((1, *row), dtype=self._dtype))

    def optimize(self) -> Iterator[Race]:
        """Compile and time one shape a step, the small sizes first.

        Where compiling doesn't pay at one size it won't at a larger one: overhead counts less.
        The last step, which a failure of XLA also is, prepares TensorFlow for what runs plain.
        """
        try:
            yield from self._hold_races()
        except Exception:
            self._prepare_plain_sizes()
            raise
        self._prepare_plain_sizes()

    def programs(self) -> list[ShapeProgram]:
        """Return which program runs each shape that may be compiled, the small sizes first."""
        return [self._program((size, *row)) for size in self._sizes for row in self._plans]

    def _program(self, shape: Shape) -> ShapeProgram:
        race, shapes = self._races.get(shape), {self._plain.input_name: shape}
        if race is None:
            return ShapeProgram(shapes, None, None, "plain")
        used: Literal["plain", "compiled"] = "compiled" if race.use_compiled else "plain"
        return ShapeProgram(shapes, race.plain, race.compiled, used)

    def _hold_races(self) -> Iterator[Race]:
        rows = list(self._plans)
        for size in self._sizes:
            for row in list(rows):
                race = self._try(size, row)
                if not race.use_compiled:
                    rows.remove(row)
                yield race

    def _prepare_plain_sizes(self) -> None:
        for row, plan in self._plans.items():
            for size in plan.plain_sizes():
                self._plain(np.ones((size, *row), dtype=self._dtype))

    def _count(self, batch: Array, steps: Sequence[Step], used: int) -> None:
        rows = sum(step.size for step in steps)
        self._input_elements += used
        self._padding_elements += rows * math.prod(batch.shape[1:]) - used

    def _try(self, size: int, row: Shape) -> Race:
        shape = (size, *row)
        compiled = self._plain.compile(shape)
        race = _race(self._plain, compiled, np.ones(shape, dtype=self._dtype))
        self._races[shape] = race
        if race.use_compiled:
            self._compiled[shape] = compiled
        self._plans[row].learn(
            size, plain=race.plain, compiled=race.compiled if race.use_compiled else None
        )
        return race

    def _run(self, rows: Array, step: Step) -> dict[str, Array]:
        program = self._compiled[(step.size, *rows.shape[1:])] if step.compiled else self._plain
        if step.rows == step.size:
            return program(rows)
        padded = np.zeros((step.size, *rows.shape[1:]), dtype=self._dtype)
        padded[: step.rows] = rows
        return {name: output[: step.rows] for name, output in program(padded).items()}


def _race(plain: Program, compiled: Program, batch: Array) -> Race:
    """Time two programs in turn; the fastest of several calls counts, as noise only adds."""
    programs = (plain, compiled)
    for program in programs:
        program(batch)  # the first call compiles
    seconds: tuple[list[float], list[float]] = ([], [])
    for _ in range(_ROUNDS):
        for program, times in zip(programs, seconds, strict=True):
            started = time.perf_counter()
            program(batch)
            times.append(time.perf_counter() - started)
    plain_seconds, compiled_seconds = min(seconds[0]), min(seconds[1])
    use_compiled = compiled_seconds < _WORTH_IT * plain_seconds
    return Race(batch.shape, plain_seconds, compiled_seconds, use_compiled)
