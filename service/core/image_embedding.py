"""Image embedding: an image in, a vector out, and how well the model knows such images."""

from collections.abc import Sequence
from dataclasses import dataclass

from service.core.image_task import ImageTask
from service.core.images import Pixels


@dataclass(frozen=True, slots=True)
class Embedding:
    """A vector, its length, and the mean squared error of the image made again from it.

    The error is over pixels in [0, 1]; a large one says that the image is unlike those that the
    model was trained on.
    """

    embedding: list[float]
    dimensions: int
    reconstruction_error: float


class ImageEmbedding(ImageTask[Embedding]):
    """Embeds images by a model with outputs `embedding` and `reconstruction_error`."""

    def predict(self, rows: Sequence[Pixels]) -> list[Embedding]:
        """Embed a batch of rows."""
        outputs = self.infer(rows)
        return [
            Embedding(vector, len(vector), error)
            for vector, error in zip(
                outputs["embedding"].tolist(),
                outputs["reconstruction_error"].tolist(),
                strict=True,
            )
        ]
