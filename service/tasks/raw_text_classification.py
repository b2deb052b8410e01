"""Text classification by a model that takes raw texts, and does all preprocessing itself."""

from collections.abc import Iterator, Sequence

import numpy as np

from service.errors import UndecodableInputError
from service.runtime.card import ModelCard
from service.runtime.runner import Race, Runner, ShapeProgram
from service.runtime.saved_model import SavedModel
from service.tasks.preprocessing.vectorizing import LONGEST, SHORT
from service.tasks.task import Task, TaskLimits, labels_of, only_input, round_probabilities
from service.tasks.text_classification import TextLabel, text_label
from service.telemetry.metrics import ModelMetrics

SIGNATURE = "serving_default"

_BYTES_PER_CHARACTER = 4


class RawTextClassification(Task[str, str, TextLabel]):
    """Classifies texts by a signature `serving_default` from strings [n] to `probabilities`.

    Only the first `LONGEST` characters of a text are read. A long text runs alone: in a batch all
    texts are padded to the length of the longest.
    """

    def __init__(self, model: SavedModel, card: ModelCard, limits: TaskLimits) -> None:
        """Raises CorruptModelError if the card isn't that of a text classifier."""
        spec = card.signature(SIGNATURE, "probabilities")
        self._labels = labels_of(card, SIGNATURE)
        self._text = only_input(card, SIGNATURE)
        self._runner = Runner(model.signature(SIGNATURE, spec), [], limits.max_batch_size)

    def decodes_in_thread(self, data: str) -> bool:
        """Return False: a text is only cut."""
        return False

    def decode(self, data: str) -> str:
        """Cut a text. Raises UndecodableInputError for one without a visible character."""
        if not data or data.isspace():
            raise UndecodableInputError("The text is empty: send at least one word.")
        # One more character than is read shows that the text was cut.
        return data[: LONGEST + 1]

    def row_bytes(self, data: str) -> int:
        """Return the size of the text that is read."""
        return _BYTES_PER_CHARACTER * min(len(data), LONGEST + 1)

    def may_run_inline(self, row: str) -> bool:
        """Tell from the text's length."""
        return len(row) <= SHORT

    def warm_up(self) -> None:
        """Run the model once."""
        self._probabilities(["a"])

    def optimize(self) -> Iterator[Race]:
        """Return nothing: XLA can't compile strings."""
        return iter(())

    def programs(self) -> Sequence[ShapeProgram]:
        """Return nothing: every batch runs plain."""
        return ()

    def predict(self, rows: Sequence[str]) -> list[TextLabel]:
        """Classify a batch of texts, the long ones one by one."""
        answers: dict[int, TextLabel] = {}
        for members in _alike(rows):
            texts = [rows[index] for index in members]
            for index, text, row in zip(members, texts, self._probabilities(texts), strict=True):
                answers[index] = text_label(self._labels, row, truncated=len(text) > LONGEST)
        return [answers[index] for index in range(len(rows))]

    def agrees(self, answer: TextLabel, other: TextLabel) -> bool:
        """Compare the labels."""
        return answer.label == other.label

    def observe(self, metrics: ModelMetrics, answers: Sequence[TextLabel]) -> None:
        """Count the labels and observe the confidence."""
        metrics.classified([a.label for a in answers], [a.score for a in answers])

    def _probabilities(self, texts: Sequence[str]) -> list[list[float]]:
        batch = np.array([text[:LONGEST].encode() for text in texts], dtype=object)
        return round_probabilities(self._runner({self._text: batch})["probabilities"])


def _alike(rows: Sequence[str]) -> Iterator[list[int]]:
    """Yield the indexes of the short texts together, of each long one alone."""
    short = [index for index, row in enumerate(rows) if len(row) <= SHORT]
    if short:
        yield short
    yield from ([index] for index, row in enumerate(rows) if len(row) > SHORT)
