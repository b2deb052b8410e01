"""How good an exported digit classifier is."""

from pathlib import Path

import numpy as np

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
from training.data import mnist
from training.data.images import Images
from training.files import write_atomically
from training.recipes import PLAIN_RECIPE

LABELS = [str(digit) for digit in range(10)]
PLAIN_NAME = f"plain recipe ({PLAIN_RECIPE.epochs} epochs, Adam, nothing else)"


def evaluate(folder: Path) -> Card:
    """Measure the exported model on MNIST's test images; write its card and pictures.

    Raises:
        TrainingError: there is no model, or there are no data.
    """
    record = TrainingRecord.read(folder)
    data = mnist.load(quick=record.quick)
    answers = artifact.call(artifact.load(folder), "serving_default", {"image": data.test.images})
    probabilities, labels = answers["probabilities"], data.test.labels
    _write_pictures(folder, record, data.test, probabilities)
    card = make_card(
        folder,
        task="image_classification",
        description="Tells which digit, 0 to 9, a picture of a handwritten digit shows.",
        labels=LABELS,
        preprocessing=ImagePreprocessing(Framing("ink", box=20)),
        training_data=[data.described()],
        metrics=_measured(probabilities, labels, record.baselines),
    )
    card.write(folder)
    return card


def _measured(
    probabilities: np.ndarray, labels: np.ndarray, baselines: dict[str, float]
) -> list[Metric]:
    def baseline(name: str) -> Baseline | None:
        return Baseline(PLAIN_NAME, baselines[name]) if name in baselines else None

    return [
        Metric(
            "accuracy",
            "MNIST test",
            metrics.accuracy(probabilities, labels),
            baseline=baseline("accuracy"),
        ),
        Metric(
            "expected_calibration_error",
            "MNIST test",
            metrics.expected_calibration_error(probabilities, labels),
            higher_is_better=False,
            baseline=baseline("expected_calibration_error"),
            note="15 equally wide bins",
        ),
        Metric(
            "negative_log_likelihood",
            "MNIST test",
            metrics.negative_log_likelihood(probabilities, labels),
            higher_is_better=False,
            note="nats",
        ),
    ]


def _write_pictures(
    folder: Path, record: TrainingRecord, test: Images, probabilities: np.ndarray
) -> None:
    predicted = probabilities.argmax(axis=1)
    bins = metrics.calibration_bins(probabilities, test.labels)
    error = metrics.expected_calibration_error(probabilities, test.labels)
    pictures = {
        "training_curves.png": plots.training_curves(record.history),
        "confusion_matrix.png": plots.confusion_matrix(test.labels, predicted, LABELS),
        "calibration_curve.png": plots.calibration_curve(bins, error),
        "mistakes.png": plots.mistakes(test.images, test.labels, predicted),
    }
    for name, picture in pictures.items():
        write_atomically(folder / name, picture)
