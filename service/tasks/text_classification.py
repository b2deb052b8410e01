"""Text classification: a text in, a label and its probability out."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise
from typing import Annotated

import numpy as np
from pydantic import Field

from service.errors import CorruptModelError
from service.runtime.card import ModelCard, TextPreprocessing
from service.runtime.planning import join_groups
from service.runtime.runner import Race, Runner, ShapeProgram
from service.runtime.saved_model import Array, SavedModel
from service.tasks.preprocessing.vectorizing import LONG, SHORT, TextRow, TextVectorizer
from service.tasks.task import Task, TaskLimits, labels_of, only_input, round_probabilities
from service.telemetry.metrics import ModelMetrics


@dataclass(slots=True)
class TextLabel:
    """How a text speaks of its subject."""

    label: Annotated[str, Field(description="The likeliest label.", examples=["positive"])]
    score: Annotated[
        float, Field(description="The probability of that label.", ge=0, le=1, examples=[0.97])
    ]
    probabilities: Annotated[
        dict[str, float],
        Field(
            description="Each label's probability.", examples=[{"negative": 0.03, "positive": 0.97}]
        ),
    ]
    truncated: Annotated[
        bool,
        Field(description="Whether the text was too long and was cut.", examples=[False]),
    ]


class TextClassification(Task[str, TextRow, TextLabel]):
    """Classifies texts by a model with signatures `vectorize` and `tokens`.

    A batch is vectorised by the model itself. Its texts are then grouped by their number of tokens:
    short ones aren't padded to the length of long ones, unless one call for all is faster.
    """

    def __init__(self, model: SavedModel, card: ModelCard, limits: TaskLimits) -> None:
        """Raises CorruptModelError if the card isn't that of a text classifier."""
        if not isinstance(card.preprocessing, TextPreprocessing):
            raise CorruptModelError(f"{card.name}: its card has no text preprocessing.")
        vectorize_spec = card.signature("vectorize", "token_ids", "token_count")
        tokens_spec = card.signature("tokens", "probabilities")
        self._labels = labels_of(card, "tokens")
        self._lengths = _finer(sorted(card.preprocessing.length_buckets))
        text, self._token_ids = only_input(card, "vectorize"), only_input(card, "tokens")
        vectorize = model.signature("vectorize", vectorize_spec)
        self._vectorize = TextVectorizer(lambda rows: vectorize({text: rows}), card.preprocessing)
        rows = [{self._token_ids: (length,)} for length in self._lengths]
        self._tokens = Runner(model.signature("tokens", tokens_spec), rows, limits.max_batch_size)
        self._plans = [self._tokens.plan(row) for row in rows]

    def decodes_in_thread(self, data: str) -> bool:
        """Return whether the text is very long: it is then vectorised when it is decoded."""
        return len(data) > LONG

    def decode(self, data: str) -> TextRow:
        """Return the text in the form that the card names, or the tokens of a very long one.

        Raises UndecodableInputError for a text without a visible character.
        """
        return self._vectorize.read(data)

    def decoding_bytes(self, data: str) -> int:
        """Return the most bytes that vectorising a very long text takes."""
        return self._vectorize.reading_bytes(data)

    def row_bytes(self, data: str) -> int:
        """Return the size of the text after normalization, or of a very long one's tokens."""
        return self._vectorize.row_bytes(data)

    def may_run_inline(self, row: TextRow) -> bool:
        """Return whether the text is short."""
        return isinstance(row, str) and len(row) <= SHORT

    def expect(self, known: Sequence[ShapeProgram]) -> None:
        """Don't compile where that was slower for an earlier version."""
        self._tokens.expect(known)

    def warm_up(self) -> None:
        """Run the model once at every length."""
        self._vectorize([""])
        self._tokens.warm_up()

    def optimize(self) -> Iterator[Race]:
        """Find the faster program for each batch size and length."""
        return self._tokens.optimize()

    def programs(self) -> Sequence[ShapeProgram]:
        """Return which program runs each batch size and length."""
        return self._tokens.programs()

    def predict(self, rows: Sequence[TextRow]) -> list[TextLabel]:
        """Classify a batch of texts."""
        tokens = self._vectorize(rows)
        probabilities = np.empty((len(rows), len(self._labels)), dtype=np.float32)
        for length, members in self._by_length(tokens.counts):
            batch = _fit_length(tokens.ids[members], length)
            used = int(np.minimum(tokens.counts[members], length).sum())
            probabilities[members] = self._tokens({self._token_ids: batch}, used)["probabilities"]
        return [
            text_label(self._labels, row, truncated=truncated)
            for row, truncated in zip(
                round_probabilities(probabilities), tokens.truncated.tolist(), strict=True
            )
        ]

    def agrees(self, answer: TextLabel, other: TextLabel) -> bool:
        """Compare the labels."""
        return answer.label == other.label

    def observe(self, metrics: ModelMetrics, answers: Sequence[TextLabel]) -> None:
        """Count the labels, their probabilities, and how much of the work was padding."""
        metrics.computed(self._tokens.elements)
        metrics.classified([a.label for a in answers], [a.score for a in answers])

    def _by_length(self, counts: Array) -> Iterator[tuple[int, Array]]:
        """Yield each length and the indexes of the texts that run at it, int [n]."""
        groups = np.searchsorted(self._lengths, counts.clip(max=self._lengths[-1]))
        order = groups.argsort()
        sizes = np.bincount(groups, minlength=len(self._lengths)).tolist()
        starts = [0, *accumulate(sizes)]
        for first, last in join_groups(sizes, self._seconds):
            yield self._lengths[last - 1], order[starts[first] : starts[last]]

    def _seconds(self, rows: int, group: int) -> float:
        return self._plans[group].seconds(rows)


def text_label(labels: Sequence[str], probabilities: list[float], *, truncated: bool) -> TextLabel:
    """Return the answer for a text, from the probability of each label."""
    best = max(range(len(probabilities)), key=probabilities.__getitem__)
    by_label = dict(zip(labels, probabilities, strict=True))
    return TextLabel(labels[best], probabilities[best], by_label, truncated)


def _finer(lengths: Sequence[int]) -> list[int]:
    """Return the ascending lengths and the ones halfway between them, for less padding."""
    halfway = [(low + high) // 2 for low, high in pairwise(lengths)]
    return sorted({*lengths, *halfway})


def _fit_length(token_ids: Array, length: int) -> Array:
    """Cut or pad [n, any] to [n, length]; 0 is padding."""
    fitted = np.zeros((token_ids.shape[0], length), dtype=token_ids.dtype)
    kept = min(length, token_ids.shape[1])
    fitted[:, :kept] = token_ids[:, :kept]
    return fitted
