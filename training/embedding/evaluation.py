"""How good an exported autoencoder is, compared with the best linear one."""

import logging
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from sklearn.manifold import TSNE

from training import artifact, metrics, plots
from training.card import (
    Baseline,
    Card,
    Framing,
    ImagePreprocessing,
    Metric,
    TrainingRecord,
    make_card,
)
from training.data import fashion, mnist
from training.data.images import ImageDataset, Images
from training.embedding.model import DIMENSIONS
from training.errors import DownloadError
from training.files import write_atomically

logger = logging.getLogger(__name__)

LINEAR = f"principal component analysis, {DIMENSIONS} components"
SHOWN = 12
"""So many test images are drawn with their reconstructions, ..."""
MAPPED = 1000
"""... and so many on the map of the codes."""

NO_CLOTHES = "; AUROC against Fashion-MNIST not computed, because its images are missing"


class Autoencoder(Protocol):
    """What is measured; images are uint8 [n, 28, 28, 1]."""

    def codes(self, images: np.ndarray) -> np.ndarray:
        """Codes: float32 [n, dimensions]."""

    def errors(self, images: np.ndarray) -> np.ndarray:
        """Mean squared error of each image's reconstruction, of pixels in 0..1: float32 [n]."""


class Exported:
    """An `Autoencoder` that runs the SavedModel."""

    def __init__(self, folder: Path) -> None:
        self._loaded: Any = artifact.load(folder)

    def codes(self, images: np.ndarray) -> np.ndarray:
        """See `Autoencoder`."""
        return self._answer("serving_default", "embedding", images)

    def errors(self, images: np.ndarray) -> np.ndarray:
        """See `Autoencoder`."""
        return self._answer("serving_default", "reconstruction_error", images)

    def reconstructions(self, images: np.ndarray) -> np.ndarray:
        """The images that the decoder makes from the codes: float32 [n, 28, 28, 1], about 0..1."""
        return self._answer("reconstruct", "reconstruction", images)

    def _answer(self, signature: str, output: str, images: np.ndarray) -> np.ndarray:
        return artifact.call(self._loaded, signature, {"image": images})[output]


def evaluate(folder: Path) -> Card:
    """Measure the exported model on MNIST's test images; write its card and pictures.

    Raises:
        TrainingError: there is no model, or there are no data.
    """
    record = TrainingRecord.read(folder)
    model, data, clothes = Exported(folder), mnist.load(quick=record.quick), load_clothes()
    write_pictures(folder, record, model, data.test, clothes)
    linear = metrics.principal_components(data.train.images, DIMENSIONS)
    card = make_card(
        folder,
        task="image_embedding",
        description="Describes a picture of a handwritten digit with 32 numbers that are close for "
        "digits that look alike; the reconstruction error shows how unlike a digit it is.",
        labels=None,
        preprocessing=ImagePreprocessing(Framing("ink", box=20)),
        training_data=[data.described()],
        metrics=compare(measure(model, data, clothes), measure(linear, data, clothes)),
    )
    card.write(folder)
    return card


def load_clothes() -> np.ndarray | None:
    """Fashion-MNIST's test images (uint8 [10000, 28, 28, 1]), or None if they aren't available."""
    try:
        return fashion.load().test.images
    except DownloadError as error:
        logger.warning("The AUROC against Fashion-MNIST is not computed. %s", error)
        return None


def measure(
    autoencoder: Autoencoder, data: ImageDataset, clothes: np.ndarray | None
) -> dict[str, float]:
    """The figures of an autoencoder on the test images, by name."""
    errors = autoencoder.errors(data.test.images)
    figures = {
        "reconstruction_error": float(errors.mean()),
        "neighbour_accuracy": metrics.neighbour_accuracy(
            autoencoder.codes(data.train.images),
            data.train.labels,
            autoencoder.codes(data.test.images),
            data.test.labels,
        ),
    }
    if clothes is not None:
        figures["novelty_auroc"] = metrics.auroc(errors, autoencoder.errors(clothes))
    return figures


def compare(model: dict[str, float], linear: dict[str, float]) -> list[Metric]:
    """The card's metrics, from the figures of the model and of the linear autoencoder."""
    ratio = model["reconstruction_error"] / linear["reconstruction_error"]
    notes = {
        "reconstruction_error": f"mean squared error of pixels in 0..1; {ratio:.3f} of the "
        "baseline's" + ("" if "novelty_auroc" in model else NO_CLOTHES),
        "neighbour_accuracy": "by the 5 nearest training codes (Euclidean); trained without labels",
        "novelty_auroc": "clothes distinguished from digits by the reconstruction error",
    }
    return [
        Metric(
            name,
            "MNIST test against Fashion-MNIST test" if name == "novelty_auroc" else "MNIST test",
            value,
            higher_is_better=name != "reconstruction_error",
            baseline=Baseline(LINEAR, linear[name]),
            note=notes[name],
        )
        for name, value in model.items()
    ]


def write_pictures(
    folder: Path, record: TrainingRecord, model: Exported, test: Images, clothes: np.ndarray | None
) -> None:
    """Draw the training, some reconstructions, a map of the codes and the errors."""
    shown, mapped = test.images[:SHOWN], test[:MAPPED]
    errors = {"digits": model.errors(test.images)}
    if clothes is not None:
        errors["clothes"] = model.errors(clothes)
    pictures = {
        "training_curves.png": plots.training_curves(record.history),
        "reconstructions.png": plots.reconstructions(shown / 255, model.reconstructions(shown)),
        "code_map.png": plots.code_map(flattened(model.codes(mapped.images)), mapped.labels),
        "error_histogram.png": plots.error_histogram(errors),
    }
    for name, picture in pictures.items():
        write_atomically(folder / name, picture)


def flattened(codes: np.ndarray) -> np.ndarray:
    """Codes [n, d] in two dimensions, [n, 2], with their neighbours kept (t-SNE)."""
    perplexity = min(30, (len(codes) - 1) / 3)
    layout = TSNE(perplexity=perplexity, init="pca", random_state=0).fit_transform(codes)
    return np.asarray(layout)
