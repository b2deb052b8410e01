"""Running a signature by the fastest mix of its programs, plain and compiled, at each shape.

XLA is faster where the overhead of a call dominates (small batches, recurrent layers), TensorFlow's
own kernels where arithmetic does. That depends on the model, the shape and the machine, so it is
measured: programs of a few batch sizes are compiled while requests are answered, and timed against
a plain call. A batch is then run in the parts that take the least time together.
"""

import math
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np

from service.runtime.planning import Plan, Step
from service.runtime.saved_model import Array, Program, Shape, Signature

PROGRAM_SIZES = (1, 4, 16)
"""Batch sizes that are compiled. Each program takes megabytes; more sizes made the shipped models
only a few percent faster."""

_KEEP_BELOW = 0.9  # of the plain call's time: a compiled program that takes more isn't kept
_ROUNDS = 7  # timed calls of each program, in turn

Shapes: TypeAlias = Mapping[str, Shape]
"""The shapes of a batch, or of its rows, by the names of the signature's inputs."""


@dataclass(frozen=True, slots=True)
class Race:
    """How a plain and a compiled call of one shape compare, in seconds, and who won."""

    shapes: Shapes
    plain: float
    compiled: float
    use_compiled: bool

    @property
    def written_shape(self) -> str:
        """The shape in metrics and logs: "1x28x28x1", of several inputs "ids:1x16,mask:1x16"."""
        written = {name: "x".join(map(str, shape)) for name, shape in self.shapes.items()}
        if len(written) == 1:
            return next(iter(written.values()))
        return ",".join(f"{name}:{shape}" for name, shape in written.items())


@dataclass(frozen=True, slots=True)
class ShapeProgram:
    """Which program runs the batches of one shape, and how long a call of each takes.

    The seconds are None for a program that wasn't timed: not yet, or because compiling didn't pay
    for a smaller batch.
    """

    shapes: Shapes
    plain: float | None
    compiled: float | None
    used: Literal["plain", "compiled"]


class _Programs:
    """The programs for rows of one shape, by batch size, and the plan when to run which."""

    __slots__ = ("elements", "plan", "races", "row")

    def __init__(self, row: Shapes, max_batch_size: int) -> None:
        self.row = row
        self.elements = sum(math.prod(shape) for shape in row.values())
        self.plan = Plan(max_batch_size)
        self.races: dict[int, Race] = {}

    def shapes(self, size: int) -> dict[str, Shape]:
        """Return the shapes of a batch of so many rows."""
        return {name: (size, *shape) for name, shape in self.row.items()}

    def program(self, size: int) -> ShapeProgram:
        """Return which program runs a batch of so many rows."""
        race = self.races.get(size)
        if race is None:
            return ShapeProgram(self.shapes(size), None, None, "plain")
        used: Literal["plain", "compiled"] = "compiled" if race.use_compiled else "plain"
        return ShapeProgram(race.shapes, race.plain, race.compiled, used)


class Runner:
    """Runs a signature on batches whose rows have one of a few shapes.

    A batch is an array [n, *row] for each of the signature's inputs, by its name.
    """

    def __init__(
        self, signature: Signature, row_shapes: Sequence[Shapes], max_batch_size: int
    ) -> None:
        """Run everything plain until `optimize` has found what is faster compiled."""
        self._plain: Signature = signature
        self._compiled: Program | None = None
        self._expected: dict[frozenset[tuple[str, Shape]], Race] = {}
        self._names = tuple(signature.inputs)
        self._sizes = [size for size in PROGRAM_SIZES if size <= max_batch_size]
        self._programs = {
            tuple([row[name] for name in self._names]): _Programs(row, max_batch_size)
            for row in row_shapes
        }
        self._input_elements = self._padding_elements = 0

    @property
    def elements(self) -> tuple[int, int]:
        """How many elements were computed in all: of inputs, and of padding."""
        return self._input_elements, self._padding_elements

    def __call__(self, batch: Mapping[str, Array], used: int | None = None) -> dict[str, Array]:
        """Run the model on a batch; return its outputs, each [n, ...].

        `used` is the number of elements in the batch that aren't padding; None means all.
        """
        programs, rows = self._programs_for(batch), len(batch[self._names[0]])
        steps = programs.plan.steps(rows)
        self._count(steps, programs.elements, rows * programs.elements if used is None else used)
        if len(steps) == 1:
            return self._run(batch, steps[0])
        parts: list[dict[str, Array]] = []
        start = 0
        for step in steps:
            part = {name: array[start : start + step.rows] for name, array in batch.items()}
            parts.append(self._run(part, step))
            start += step.rows
        return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}

    def plan(self, row: Shapes) -> Plan:
        """Return the plan for rows of this shape; it changes as programs are timed."""
        return self._programs[tuple([row[name] for name in self._names])].plan

    def expect(self, known: Iterable[ShapeProgram]) -> None:
        """Don't compile where that was slower for an earlier version; call it before `warm_up`.

        A version that was trained anew mostly has the same operations, so that the same program is
        faster. Compiling takes a processor for a second, which the earlier version may need.
        """
        for program in known:
            if program.used == "plain" and program.plain and program.compiled:
                race = Race(program.shapes, program.plain, program.compiled, use_compiled=False)
                self._expected[frozenset(program.shapes.items())] = race

    def warm_up(self) -> None:
        """Run every row shape once, plain: after that no request has to wait for TensorFlow."""
        for programs in self._programs.values():
            self._plain(self._filled(programs.shapes(1), 0))
        first = [programs.shapes(self._sizes[0]) for programs in self._programs.values()]
        if any(frozenset(shapes.items()) not in self._expected for shapes in first):
            with suppress(NotImplementedError):  # `optimize` raises it again
                # No request could run meanwhile: TensorFlow changes the session for it.
                self._compiled = self._plain.compile()

    def optimize(self) -> Iterator[Race]:
        """Compile and time one shape per step, the small sizes first.

        If the compiled program isn't faster at one size, larger ones aren't tried: there overhead
        counts even less. At the end, also after a failure of XLA, the plain program is called once
        at each size at which it is used: TensorFlow prepares for each size at its first call.
        """
        try:
            yield from self._races()
        except Exception:
            self._prepare_plain_sizes()
            raise
        self._prepare_plain_sizes()

    def programs(self) -> list[ShapeProgram]:
        """Return which program runs each shape that may be compiled, the small sizes first."""
        return [row.program(size) for size in self._sizes for row in self._programs.values()]

    def _programs_for(self, batch: Mapping[str, Array]) -> _Programs:
        key = tuple([batch[name].shape[1:] for name in self._names])
        programs = self._programs.get(key)
        if programs is None:  # another shape: it runs plain, without padding
            return _Programs(dict(zip(self._names, key, strict=True)), 0)
        return programs

    def _races(self) -> Iterator[Race]:
        rows = list(self._programs.values())
        for size in self._sizes:
            for programs in list(rows):
                race = self._try(size, programs)
                if not race.use_compiled:
                    rows.remove(programs)
                yield race

    def _prepare_plain_sizes(self) -> None:
        for programs in self._programs.values():
            for size in programs.plan.plain_sizes():
                self._plain(self._filled(programs.shapes(size), 1))

    def _count(self, steps: Sequence[Step], row_elements: int, used: int) -> None:
        self._input_elements += used
        self._padding_elements += sum([step.size for step in steps]) * row_elements - used

    def _try(self, size: int, programs: _Programs) -> Race:
        shapes = programs.shapes(size)
        race = self._expected.get(frozenset(shapes.items()))
        if race is None:
            if self._compiled is None:
                self._compiled = self._plain.compile()
            race = _race(self._plain, self._compiled, self._filled(shapes, 1))
        programs.races[size] = race
        programs.plan.learn(
            size, plain=race.plain, compiled=race.compiled if race.use_compiled else None
        )
        return race

    def _run(self, batch: Mapping[str, Array], step: Step) -> dict[str, Array]:
        program = self._compiled if step.compiled and self._compiled else self._plain
        if step.rows == step.size:
            return program(batch)
        padded = {name: _padded(array, step.size) for name, array in batch.items()}
        return {name: output[: step.rows] for name, output in program(padded).items()}

    def _filled(self, shapes: Shapes, value: int) -> dict[str, Array]:
        return {
            name: np.full(shape, value, dtype=self._plain.inputs[name].dtype)
            for name, shape in shapes.items()
        }


def _padded(array: Array, size: int) -> Array:
    """Return the array with rows of zeros after its own, `size` rows in all."""
    padded = np.zeros((size, *array.shape[1:]), dtype=array.dtype)
    padded[: len(array)] = array
    return padded


def _race(plain: Program, compiled: Program, batch: Mapping[str, Array]) -> Race:
    """Time two programs in turn. The fastest of several calls counts: noise only adds time."""
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
    use_compiled = compiled_seconds < _KEEP_BELOW * plain_seconds
    shapes = {name: array.shape for name, array in batch.items()}
    return Race(shapes, plain_seconds, compiled_seconds, use_compiled)
