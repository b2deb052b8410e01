"""A task: how an input becomes a row of a batch, and a row of the output an answer.

The kinds of tasks are listed in `service.tasks.kinds`; each has its own module.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from service.errors import CorruptModelError
from service.runtime.card import ModelCard
from service.runtime.runner import Race, ShapeProgram
from service.telemetry.metrics import ModelMetrics

Input = TypeVar("Input")
Row = TypeVar("Row")
Answer = TypeVar("Answer")


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskLimits:
    """How many inputs a batch may have, and how many pixels an image may have."""

    max_batch_size: int
    max_pixels: int


class Task(ABC, Generic[Input, Row, Answer]):
    """What one model does with its inputs. `predict` may run in a thread, one call at a time."""

    @abstractmethod
    def decodes_in_thread(self, data: Input) -> bool:
        """Return whether `decode` is too slow for the event loop. Raises what `decode` raises."""

    @abstractmethod
    def decode(self, data: Input) -> Row:
        """Turn one input into a row.

        Raises:
            UndecodableInputError, TooLargeError: this input is answered by the error.
            MalformedRequestError: the whole request is.
        """

    def decoding_bytes(self, data: Input) -> int:
        """Return the most bytes that `decode` uses while it runs, beside the input itself.

        It is called only for inputs that are decoded in a thread (see `decodes_in_thread`): the
        others are decoded one at a time.
        """
        return 0

    def row_bytes(self, data: Input) -> int:
        """Return the most bytes that the row takes until it is answered, beside the input itself.

        It is called for every input before it is decoded, so it must be fast.
        """
        return 0

    def may_run_inline(self, row: Row) -> bool:
        """Return whether a batch with this row may run on the event loop, if it is short enough."""
        return True

    def expect(self, known: Sequence[ShapeProgram]) -> None:
        """Learn from what is known of an earlier version's programs; called before `warm_up`."""

    @abstractmethod
    def warm_up(self) -> None:
        """Run the model once, so that the first request doesn't have to wait for that."""

    @abstractmethod
    def optimize(self) -> Iterator[Race]:
        """Find the faster program for one shape a step; `predict` may run at the same time."""

    @abstractmethod
    def programs(self) -> Sequence[ShapeProgram]:
        """Return which program runs each shape of the model's batches."""

    @abstractmethod
    def predict(self, rows: Sequence[Row]) -> list[Answer]:
        """Answer a batch of rows, in their order."""

    def agrees(self, answer: Answer, other: Answer) -> bool:
        """Return whether two versions of a model give the same answer, as far as it matters."""
        return answer == other

    @abstractmethod
    def observe(self, metrics: ModelMetrics, answers: Sequence[Answer]) -> None:
        """Count a batch's answers in the metrics; called on the event loop."""


AnyTask = Task[Any, Any, Any]
"""A task, whatever its inputs are."""


def only_input(card: ModelCard, signature: str) -> str:
    """Return the name of a signature's input. Raises CorruptModelError if it hasn't just one."""
    names = list(card.signature(signature).inputs)
    if len(names) != 1:
        raise CorruptModelError(
            f"{card.name}/{card.version}: the task {card.task} needs one input of the signature "
            f"{signature!r}, and its card names {len(names)}."
        )
    return names[0]


def labels_of(card: ModelCard, signature: str) -> tuple[str, ...]:
    """Return the card's labels. Raises CorruptModelError if it hasn't one for each probability."""
    labels = card.labels or ()
    outputs = card.signature(signature, "probabilities").outputs["probabilities"].shape[-1]
    if len(labels) != outputs:
        raise CorruptModelError(
            f"{card.name}/{card.version}: its card lists {len(labels)} labels, but the model "
            f"answers with {outputs} probabilities."
        )
    return labels


def round_probabilities(probabilities: NDArray[np.float32]) -> list[list[float]]:
    """Return [n, labels] as lists of numbers with six decimals: a float32 has no more."""
    rounded: list[list[float]] = probabilities.astype(np.float64).round(6).tolist()
    return rounded
