"""Image embedding: an image in, a vector out, and how like the training images it is."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Final

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from service.tasks.image_task import ImageTask
from service.tasks.preprocessing.images import Pixels
from service.telemetry.metrics import ModelMetrics

_ALIKE: Final = 0.99
"""From this cosine similarity on, two vectors count as the same answer."""


@dataclass(slots=True)
class Embedding:
    """An image as a vector of numbers, float32 [dimensions]."""

    embedding: Annotated[
        NDArray[np.float32], Field(description="The vector.", examples=[[0.12, -1.3, 0.78]])
    ]
    dimensions: Annotated[int, Field(description="The vector's length.", examples=[3])]
    reconstruction_error: Annotated[
        float,
        Field(
            description="Mean squared error, over pixels in 0 to 1, of the image that the model "
            "reconstructs from the vector. A large error means that the image is unlike those "
            "that the model was trained on.",
            ge=0,
            examples=[0.004],
        ),
    ]


class ImageEmbedding(ImageTask[Embedding]):
    """Embeds images by a model with outputs `embedding` and `reconstruction_error`."""

    outputs = ("embedding", "reconstruction_error")

    def predict(self, rows: Sequence[Pixels]) -> list[Embedding]:
        """Embed a batch of rows."""
        outputs = self.infer(rows)
        return [
            Embedding(vector, len(vector), error)
            for vector, error in zip(
                outputs["embedding"],
                outputs["reconstruction_error"].tolist(),
                strict=True,
            )
        ]

    def agrees(self, answer: Embedding, other: Embedding) -> bool:
        """Tell whether the vectors point the same way: their cosine similarity is 0.99 or more.

        Two models that were trained apart have codes of their own, so that theirs differ.
        """
        a, b = np.asarray(answer.embedding), np.asarray(other.embedding)
        lengths = float(np.linalg.norm(a) * np.linalg.norm(b))
        return a.shape == b.shape and float(a @ b) >= _ALIKE * lengths

    def observe(self, metrics: ModelMetrics, answers: Sequence[Embedding]) -> None:
        """Count the reconstruction errors."""
        super().observe(metrics, answers)
        metrics.reconstructed([answer.reconstruction_error for answer in answers])
