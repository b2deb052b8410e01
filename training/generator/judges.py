"""The repository's classifier and embedding, which judge what the generator makes."""

from pathlib import Path

import numpy as np

from training import artifact

MODELS = Path(__file__).parents[2] / "models"
CLASSIFIER, EMBEDDING = "digits/1", "embedding/1"


class Judges:
    """Both, loaded; images are uint8 [n, 28, 28, 1]."""

    def __init__(self) -> None:
        """Load them.

        Raises:
            ArtifactError: one isn't there.
        """
        self._classifier = artifact.load(MODELS / CLASSIFIER)
        self._embedding = artifact.load(MODELS / EMBEDDING)

    def labels(self, images: np.ndarray) -> np.ndarray:
        """The digits that the classifier sees, int64 [n]."""
        answers = artifact.call(self._classifier, "serving_default", {"image": images})
        labels: np.ndarray = answers["probabilities"].argmax(axis=1)
        return labels

    def codes(self, images: np.ndarray) -> np.ndarray:
        """The embedding's codes, float32 [n, 32]."""
        return artifact.call(self._embedding, "serving_default", {"image": images})["embedding"]
