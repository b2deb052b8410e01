"""The figures on the cards. All arrays are numpy's; n is the number of examples."""

from dataclasses import dataclass

import numpy as np
from sklearn.decomposition import PCA
from sklearn.metrics import roc_auc_score
from sklearn.neighbors import KNeighborsClassifier


def accuracy(probabilities: np.ndarray, labels: np.ndarray) -> float:
    """Share of the rows of `probabilities` [n, classes] whose maximum is at `labels` [n]."""
    return float(np.mean(probabilities.argmax(axis=1) == labels))


def negative_log_likelihood(probabilities: np.ndarray, labels: np.ndarray) -> float:
    """Mean of -ln p(label) in nats, for `probabilities` [n, classes] and `labels` [n]."""
    chosen = probabilities[np.arange(len(labels)), labels]
    return float(-np.log(np.maximum(chosen, np.finfo(np.float32).tiny)).mean())


@dataclass(frozen=True)
class CalibrationBin:
    """Predictions of similar confidence: the mean confidence, the share of right ones, and n."""

    confidence: float
    accuracy: float
    count: int


def calibration_bins(
    probabilities: np.ndarray, labels: np.ndarray, bins: int = 15
) -> list[CalibrationBin]:
    """The non-empty bins of confidence among `bins` equally wide ones, lowest first.

    Args:
        probabilities: float [n, classes], rows summing to 1.
        labels: integers [n].
        bins: how many bins cover [0, 1]; a bin includes its upper border.
    """
    confidence = probabilities.max(axis=1)
    right = probabilities.argmax(axis=1) == labels
    number = np.clip(np.ceil(confidence * bins).astype(int) - 1, 0, bins - 1)
    return [
        CalibrationBin(
            confidence=float(confidence[number == each].mean()),
            accuracy=float(right[number == each].mean()),
            count=int((number == each).sum()),
        )
        for each in np.unique(number)
    ]


def expected_calibration_error(
    probabilities: np.ndarray, labels: np.ndarray, bins: int = 15
) -> float:
    """Mean difference between confidence and accuracy over the bins, weighted by their counts.

    Guo et al., "On Calibration of Modern Neural Networks", 2017, equation 3.
    """
    found = calibration_bins(probabilities, labels, bins)
    distances = [abs(each.confidence - each.accuracy) * each.count for each in found]
    return float(sum(distances) / len(labels))


def auroc(usual: np.ndarray, unusual: np.ndarray) -> float:
    """Probability that a score of `unusual` [m] is above one of `usual` [n]; ties count half."""
    truth = np.concatenate([np.zeros(len(usual)), np.ones(len(unusual))])
    return float(roc_auc_score(truth, np.concatenate([usual, unusual])))


def neighbour_accuracy(
    train_codes: np.ndarray,
    train_labels: np.ndarray,
    test_codes: np.ndarray,
    test_labels: np.ndarray,
    neighbours: int = 5,
) -> float:
    """Share of test codes whose nearest training codes (Euclidean, majority) have their label.

    Args:
        train_codes: float [n, dimensions].
        train_labels: integers [n].
        test_codes: float [m, dimensions].
        test_labels: integers [m].
        neighbours: how many of them vote.
    """
    classifier = KNeighborsClassifier(neighbours, algorithm="brute")
    classifier.fit(train_codes, train_labels)
    return float(np.mean(classifier.predict(test_codes) == test_labels))


class LinearAutoencoder:
    """Principal component analysis: the best linear code of its size.

    Images are uint8 [n, 28, 28, 1]; errors are of pixels in 0..1, as the models' are.
    """

    def __init__(self, analysis: PCA) -> None:
        self._analysis = analysis

    def codes(self, images: np.ndarray) -> np.ndarray:
        """Codes: float32 [n, components]."""
        return np.asarray(self._analysis.transform(_rows(images)))

    def errors(self, images: np.ndarray) -> np.ndarray:
        """Mean squared error of each image's reconstruction: float32 [n]."""
        reconstructed = self._analysis.inverse_transform(self.codes(images))
        return np.asarray(np.square(reconstructed - _rows(images)).mean(axis=1))


def principal_components(images: np.ndarray, components: int) -> LinearAutoencoder:
    """The linear autoencoder of `images` (uint8 [n, 28, 28, 1]) with this many components."""
    return LinearAutoencoder(PCA(components, svd_solver="covariance_eigh").fit(_rows(images)))


def _rows(images: np.ndarray) -> np.ndarray:
    return images.reshape(len(images), -1) / np.float32(255)
