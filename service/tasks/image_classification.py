"""Image classification: an image in, a label and its probability out."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, TypedDict

from pydantic import Field

from service.runtime.card import ModelCard
from service.runtime.saved_model import SavedModel
from service.tasks.image_task import ImageTask
from service.tasks.preprocessing.images import Pixels
from service.tasks.task import TaskLimits, labels_of, round_probabilities
from service.telemetry.metrics import ModelMetrics

TOP = 5
"""How many of the likeliest labels an answer lists."""


class LabelProbability(TypedDict):
    """A label and its probability."""

    label: Annotated[str, Field(description="The label.", examples=["7"])]
    probability: Annotated[
        float, Field(description="The label's probability.", ge=0, le=1, examples=[0.9987])
    ]


@dataclass(slots=True)
class Classification:
    """What an image shows."""

    label: Annotated[str, Field(description="The likeliest label.", examples=["7"])]
    probability: Annotated[
        float, Field(description="Its probability.", ge=0, le=1, examples=[0.9987])
    ]
    top: Annotated[
        list[LabelProbability],
        Field(
            description="The likeliest labels, best first: at most five.",
            examples=[
                [{"label": "7", "probability": 0.9987}, {"label": "1", "probability": 0.0008}]
            ],
        ),
    ]


class ImageClassification(ImageTask[Classification]):
    """Classifies images by a model with an output `probabilities`, float32 [n, labels]."""

    outputs = ("probabilities",)

    def __init__(self, model: SavedModel, card: ModelCard, limits: TaskLimits) -> None:
        """Raises CorruptModelError if the card's labels don't match the model."""
        super().__init__(model, card, limits)
        self._labels = labels_of(card, "serving_default")

    def predict(self, rows: Sequence[Pixels]) -> list[Classification]:
        """Classify a batch of rows."""
        probabilities = self.infer(rows)["probabilities"]
        order = (-probabilities).argsort(axis=1)[:, :TOP].tolist()
        rounded = round_probabilities(probabilities)
        return [self._answer(best, row) for best, row in zip(order, rounded, strict=True)]

    def agrees(self, answer: Classification, other: Classification) -> bool:
        """Compare the labels."""
        return answer.label == other.label

    def observe(self, metrics: ModelMetrics, answers: Sequence[Classification]) -> None:
        """Count the labels and their probabilities."""
        super().observe(metrics, answers)
        metrics.classified([a.label for a in answers], [a.probability for a in answers])

    def _answer(self, best: list[int], probabilities: list[float]) -> Classification:
        top: list[LabelProbability] = [
            {"label": self._labels[i], "probability": probabilities[i]} for i in best
        ]
        return Classification(top[0]["label"], top[0]["probability"], top)
