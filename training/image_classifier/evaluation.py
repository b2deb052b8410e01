"""How good an exported classifier is."""

from pathlib import Path

import numpy as np

from training import artifact, metrics, plots, studies
from training.card import (
    Baseline,
    Card,
    Metric,
    TrainingRecord,
    make_card,
)
from training.data.images import ImageDataset, Images
from training.files import write_atomically
from training.image_classifier.classifier import ImageClassifier
from training.recipes import PLAIN_RECIPE

PLAIN_NAME = f"plain recipe ({PLAIN_RECIPE.epochs} epochs, Adam, nothing else)"


def evaluate(classifier: ImageClassifier, folder: Path) -> Card:
    """Measure the exported model on its data set's test images; write its card and pictures.

    Raises:
        TrainingError: there is no model, or there are no data.
    """
    record = TrainingRecord.read(folder)
    data = classifier.data.load(quick=record.quick)
    answers = artifact.call(artifact.load(folder), "serving_default", {"image": data.test.images})
    probabilities = answers["probabilities"]
    _write_pictures(classifier, folder, record, data.test, probabilities)
    card = make_card(
        folder,
        task="image_classification",
        description=classifier.description,
        labels=classifier.labels,
        preprocessing=classifier.preprocessing,
        training_data=[data.described()],
        metrics=[*_measured(data, probabilities, record.baselines), *studies.read(folder)],
    )
    card.write(folder)
    return card


def _measured(
    data: ImageDataset, probabilities: np.ndarray, baselines: dict[str, float]
) -> list[Metric]:
    labels, dataset = data.test.labels, f"{data.name} test"

    def baseline(name: str) -> Baseline | None:
        return Baseline(PLAIN_NAME, baselines[name]) if name in baselines else None

    return [
        Metric(
            "accuracy",
            dataset,
            metrics.accuracy(probabilities, labels),
            baseline=baseline("accuracy"),
        ),
        Metric(
            "expected_calibration_error",
            dataset,
            metrics.expected_calibration_error(probabilities, labels),
            higher_is_better=False,
            baseline=baseline("expected_calibration_error"),
            note="15 equally wide bins",
        ),
        Metric(
            "negative_log_likelihood",
            dataset,
            metrics.negative_log_likelihood(probabilities, labels),
            higher_is_better=False,
            note="nats",
        ),
    ]


def _write_pictures(
    classifier: ImageClassifier,
    folder: Path,
    record: TrainingRecord,
    test: Images,
    probabilities: np.ndarray,
) -> None:
    predicted = probabilities.argmax(axis=1)
    bins = metrics.calibration_bins(probabilities, test.labels)
    error = metrics.expected_calibration_error(probabilities, test.labels)
    pictures = {
        "training_curves.png": plots.training_curves(record.history),
        "confusion_matrix.png": plots.confusion_matrix(test.labels, predicted, classifier.labels),
        "calibration_curve.png": plots.calibration_curve(bins, error),
        "mistakes.png": plots.mistakes(test.images, test.labels, predicted, classifier.labels),
    }
    for name, picture in pictures.items():
        write_atomically(folder / name, picture)
