"""Tensors: a signature without any preprocessing. Arrays by name in, arrays by name out."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Final

import numpy as np
from pydantic import Field

from service.errors import (
    CorruptModelError,
    InferenceError,
    TooLargeError,
    UndecodableInputError,
    quoted,
)
from service.runtime.card import ModelCard, TensorSpec
from service.runtime.runner import Race, Runner, ShapeProgram
from service.runtime.saved_model import Array, SavedModel
from service.runtime.signature_check import fits, written
from service.tasks.preprocessing.arrays import read_array
from service.tasks.task import Task, TaskLimits
from service.telemetry.metrics import ModelMetrics

SIGNATURE: Final = "serving_default"

_QUICK_VALUES: Final = 16 * 1024
"""Values in nested lists that are read in less than a millisecond."""

Values = Mapping[str, Any]
"""A request: for each input nested lists, or an array."""


@dataclass(slots=True)
class Tensors:
    """The outputs of a model by name."""

    outputs: Annotated[
        dict[str, Any],
        Field(
            description="The outputs by name, as nested lists. They have a batch dimension if the "
            "inputs have one.",
            examples=[{"probabilities": [[0.1, 0.9]]}],
        ),
    ]


@dataclass(slots=True)
class TensorRow:
    """A request's arrays. In a batch each is [count, ...].

    `is_single` says that the caller omitted the batch dimension.
    """

    arrays: dict[str, Array]
    count: int
    is_single: bool

    @property
    def shapes(self) -> tuple[tuple[int, ...], ...]:
        """The shapes of an example, in the order of the inputs."""
        return tuple([array.shape[1:] for array in self.arrays.values()])


class TensorTask(Task[Values, TensorRow, Tensors]):
    """Runs the signature `serving_default`, whatever its inputs and outputs are.

    If each of them begins with a dimension of any size, that is the batch dimension: requests whose
    other dimensions are the same run together. If not, every request runs alone.
    """

    def __init__(self, model: SavedModel, card: ModelCard, limits: TaskLimits) -> None:
        """Raises CorruptModelError if the model's signature isn't as the card describes it."""
        spec = card.signature(SIGNATURE)
        tensors = (*spec.inputs.values(), *spec.outputs.values())
        if any(tensor.dtype.startswith("complex") for tensor in tensors):
            raise CorruptModelError(
                f"{card.name}/{card.version}: it has complex numbers, which JSON can't hold. "
                "Split them into a real and an imaginary part in the model."
            )
        self._is_batched = all(tensor.shape[:1] == (None,) for tensor in tensors)
        self._inputs = spec.inputs
        self._most = limits.max_batch_size
        signature = model.signature(SIGNATURE, spec, is_batched=self._is_batched)
        row = _known_shapes(spec.inputs) if self._is_batched else None
        self._runner = Runner(signature, [row] if row else [], limits.max_batch_size)

    def decodes_in_thread(self, data: Values) -> bool:
        """Tell from the number of values."""
        return sum(map(_count, data.values())) > _QUICK_VALUES

    def decode(self, data: Values) -> TensorRow:
        """Make arrays from a request's nested lists.

        Raises:
            UndecodableInputError: an input is missing, unknown, or not of its type and shape.
            TooLargeError: there are more examples than fit in a batch.
        """
        self._check_names(data)
        arrays = {
            name: read_array(name, data[name], tensor.dtype)
            for name, tensor in self._inputs.items()
        }
        if not self._is_batched:
            for name, array in arrays.items():
                self._check_shape(name, array.shape, self._inputs[name].shape)
            return TensorRow(arrays, 1, is_single=False)
        return self._batch_of(arrays)

    def decoding_bytes(self, data: Values) -> int:
        """Return about the most bytes that the arrays take: 8 a number, some more a string."""
        return 16 * sum(map(_count, data.values()))

    def row_bytes(self, data: Values) -> int:
        """Return the same: the arrays are the row."""
        return self.decoding_bytes(data)

    def expect(self, known: Sequence[ShapeProgram]) -> None:
        """Don't compile where that was slower for an earlier version."""
        self._runner.expect(known)

    def warm_up(self) -> None:
        """Run the model once, if the shapes of its inputs are known."""
        self._runner.warm_up()

    def optimize(self) -> Iterator[Race]:
        """Find the faster program for each batch size, if the shapes are known."""
        return self._runner.optimize()

    def programs(self) -> Sequence[ShapeProgram]:
        """Return which program runs each batch size."""
        return self._runner.programs()

    def predict(self, rows: Sequence[TensorRow]) -> list[Tensors]:
        """Run the requests; those of the same shapes together."""
        answers: dict[int, Tensors] = {}
        for members in self._batches(rows):
            batch = [rows[index] for index in members]
            answers |= zip(members, self._run(batch), strict=True)
        return [answers[index] for index in range(len(rows))]

    def agrees(self, answer: Tensors, other: Tensors) -> bool:
        """Tell whether all outputs are the same; of numbers with a fraction, within 1%."""
        return answer.outputs.keys() == other.outputs.keys() and all(
            _is_alike(np.asarray(output), np.asarray(other.outputs[name]))
            for name, output in answer.outputs.items()
        )

    def observe(self, metrics: ModelMetrics, answers: Sequence[Tensors]) -> None:
        """Record how many elements were padding."""
        metrics.computed(self._runner.elements)

    def _check_names(self, data: Values) -> None:
        missing, unknown = self._inputs.keys() - data.keys(), data.keys() - self._inputs.keys()
        if missing or unknown:
            fault = "is missing" if missing else "is unknown"
            fault = f"{quoted(min(missing or unknown))} {fault}"
            named = ", ".join(f"{name!r}" for name in sorted(self._inputs))
            raise UndecodableInputError(f"The inputs of the model are {named}: {fault}.")

    def _check_shape(self, name: str, found: tuple[int, ...], said: tuple[int | None, ...]) -> None:
        if not fits(said, found):
            wanted = written(said)
            if self._is_batched:
                wanted = f"{wanted}, or {written(said[1:])} for one example"
            raise UndecodableInputError(
                f"The input {name!r} must have the shape {wanted}. It has {written(found)}."
            )

    def _batch_of(self, arrays: dict[str, Array]) -> TensorRow:
        is_single = all(
            array.ndim == len(self._inputs[name].shape) - 1 for name, array in arrays.items()
        )
        if is_single:
            arrays = {name: array[np.newaxis] for name, array in arrays.items()}
        for name, array in arrays.items():
            shape = array.shape[1:] if is_single else array.shape
            said = self._inputs[name].shape
            if not fits(said, array.shape):
                self._check_shape(name, shape, said)
        counts = {len(array) for array in arrays.values()}
        if len(counts) != 1 or not all(counts):
            raise UndecodableInputError(
                "Every input must have the same number of examples, at least one."
            )
        (count,) = counts
        if count > self._most:
            raise TooLargeError(
                f"The inputs have {count} examples, over the limit of {self._most}: send them in "
                "several requests."
            )
        return TensorRow(arrays, count, is_single)

    def _batches(self, rows: Sequence[TensorRow]) -> Iterator[list[int]]:
        """Yield the indexes of rows that run together."""
        if not self._is_batched:
            yield from ([index] for index in range(len(rows)))
            return
        waiting: dict[Any, list[int]] = {}
        for index, row in enumerate(rows):
            members = waiting.setdefault(row.shapes, [])
            if members and sum(rows[i].count for i in members) + row.count > self._most:
                yield members
                members = waiting[row.shapes] = []
            members.append(index)
        yield from waiting.values()

    def _run(self, rows: Sequence[TensorRow]) -> list[Tensors]:
        if not self._is_batched or len(rows) == 1:
            outputs = self._runner(rows[0].arrays)
            return [_answer(outputs, rows[0])]
        batch = {name: np.concatenate([row.arrays[name] for row in rows]) for name in self._inputs}
        outputs, total = self._runner(batch), sum(row.count for row in rows)
        if any(len(output) != total for output in outputs.values()):
            raise InferenceError("The model returned a different number of examples.")
        answers, start = [], 0
        for row in rows:
            part = {name: output[start : start + row.count] for name, output in outputs.items()}
            answers.append(_answer(part, row))
            start += row.count
        return answers


def _answer(outputs: Mapping[str, Array], row: TensorRow) -> Tensors:
    return Tensors(
        {
            name: output.reshape(output.shape[1:]) if row.is_single else output
            for name, output in outputs.items()
        }
    )


def _is_alike(output: Array, other: Array) -> bool:
    if output.shape != other.shape or output.dtype.kind != "f":
        return np.array_equal(output, other)
    largest = float(np.max(np.abs(output), initial=0.0, where=np.isfinite(output)))
    return np.allclose(output, other, rtol=0.0, atol=0.01 * largest, equal_nan=True)


def _known_shapes(inputs: Mapping[str, TensorSpec]) -> dict[str, tuple[int, ...]] | None:
    """Return the shapes of an example, or None if they vary or an input has strings."""
    shapes: dict[str, tuple[int, ...]] = {}
    for name, tensor in inputs.items():
        sizes = [size for size in tensor.shape[1:] if size is not None]
        if len(sizes) != len(tensor.shape) - 1 or tensor.dtype == "string":
            return None
        shapes[name] = tuple(sizes)
    return shapes


def _count(value: Any) -> int:
    """Return about how many values there are in nested lists: those along the first ones."""
    if isinstance(value, np.ndarray):
        return math.prod(value.shape)
    count = 1
    while isinstance(value, list) and value:
        count *= len(value)
        value = value[0]
    return count
