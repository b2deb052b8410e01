"""Image embedding: an image in, a vector out, and how well the model knows such images."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from service.tasks.image_task import ImageTask
from service.tasks.preprocessing.images import Pixels
from service.telemetry.metrics import ModelMetrics


@dataclass(slots=True)
class Embedding:
    """A vector, float32 [dimensions], its length, and how badly the image is made again from it.

    The error is the mean square over pixels in [0, 1]; a large one says that the image is unlike
    those that the model was trained on.
    """

    embedding: NDArray[np.float32]
    dimensions: int
    reconstruction_error: float


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

    def observe(self, metrics: ModelMetrics, answers: Sequence[Embedding]) -> None:
        """Tell how unlike the training images they were."""
        super().observe(metrics, answers)
        metrics.reconstructed([answer.reconstruction_error for answer in answers])
