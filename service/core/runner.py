"""Running a signature by the faster of two programs, plain or compiled, at each shape.

XLA wins where a call's overhead counts (small batches, recurrent layers), TensorFlow's own
kernels win where arithmetic does. Which one does is a property of the model, the shape and the
machine, so it is measured: every bucket (a fixed shape) is compiled once, behind the traffic,
and both programs are timed against each other.
"""

import math
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from service.core.saved_model import Array, Program, Signature

BATCH_BUCKETS = (1, 2, 4, 8, 16, 32, 64)
"""Batch sizes that are compiled; a batch is padded to the next one."""

_WORTH_IT = 0.9  # a compiled call must beat a plain one by this: plain needs no padding
_ROUNDS = 7  # timed calls of each program, in turn

Shape = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Race:
    """How a plain and a compiled call of one shape compare, in seconds, and who won."""

    shape: Shape
    plain: float
    compiled: float
    use_compiled: bool


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
        self._row_shapes = row_shapes
        self._batch_sizes = [size for size in BATCH_BUCKETS if size <= max_batch_size]
        self._compiled: dict[Shape, Program] = {}
        self._input_elements = self._padding_elements = 0

    @property
    def elements(self) -> tuple[int, int]:
        """How many elements of batches were computed in all: of inputs, and of padding."""
        return self._input_elements, self._padding_elements

    def __call__(self, batch: Array, used: int | None = None) -> dict[str, Array]:
        """Run the model on `batch`, [n, *row]; return its outputs, each [n, ...].

        `used` is how many of the batch's elements aren't padding, all of them if None.
        """
        bucket = self._bucket(batch.shape)
        program = self._compiled.get(bucket)
        used = batch.size if used is None else used
        if program is None:
            self._count(batch.shape, used)
            return self._plain(batch)
        self._count(bucket, used)
        count = len(batch)
        if count == bucket[0]:
            return program(batch)
        padded = np.zeros(bucket, dtype=self._dtype)
        padded[:count] = batch
        return {name: output[:count] for name, output in program(padded).items()}

    def warm_up(self) -> None:
        """Run every row shape once, plain: from then on every request can be answered."""
        for row in self._row_shapes:
            self._plain(np.zeros((1, *row), dtype=self._dtype))

    def optimize(self) -> Iterator[Race]:
        """Compile and time one bucket a step, the small ones first."""
        for size in self._batch_sizes:
            for row in self._row_shapes:
                bucket = (size, *row)
                compiled = self._plain.compile(bucket)
                race = _race(self._plain, compiled, np.ones(bucket, dtype=self._dtype))
                if race.use_compiled:
                    self._compiled[bucket] = compiled
                yield race

    def _count(self, shape: Shape, used: int) -> None:
        self._input_elements += used
        self._padding_elements += math.prod(shape) - used

    def _bucket(self, shape: Shape) -> Shape:
        for size in self._batch_sizes:
            if shape[0] <= size:
                return (size, *shape[1:])
        return shape


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
