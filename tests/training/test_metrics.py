import numpy as np
import pytest

from training import metrics
from training.calibration import sharpened, temperature

PROBABILITIES = np.array([[0.9, 0.1], [0.6, 0.4], [0.2, 0.8], [0.45, 0.55]])
LABELS = np.array([0, 1, 1, 1])


def test_accuracy() -> None:
    assert metrics.accuracy(PROBABILITIES, LABELS) == 0.75


def test_negative_log_likelihood() -> None:
    expected = -(np.log(0.9) + np.log(0.4) + np.log(0.8) + np.log(0.55)) / 4
    assert metrics.negative_log_likelihood(PROBABILITIES, LABELS) == pytest.approx(expected)


def test_a_certain_mistake_has_a_finite_likelihood() -> None:
    assert np.isfinite(metrics.negative_log_likelihood(np.array([[1.0, 0.0]]), np.array([1])))


def test_calibration_bins_by_hand() -> None:
    # Confidences 0.9, 0.6 (wrong), 0.8, 0.55 in two bins: all four are above one half.
    (only,) = metrics.calibration_bins(PROBABILITIES, LABELS, bins=2)
    assert only.count == 4
    assert only.accuracy == 0.75
    assert only.confidence == pytest.approx((0.9 + 0.6 + 0.8 + 0.55) / 4)


def test_expected_calibration_error_by_hand() -> None:
    # Five bins: (0.4, 0.6] holds 0.6 (wrong) and 0.55 (right), (0.6, 0.8] holds 0.8 (right),
    # (0.8, 1] holds 0.9 (right).
    expected = (2 * abs(0.575 - 0.5) + abs(0.8 - 1) + abs(0.9 - 1)) / 4
    found = metrics.expected_calibration_error(PROBABILITIES, LABELS, bins=5)
    assert found == pytest.approx(expected)


def test_certain_and_right_is_perfectly_calibrated() -> None:
    assert metrics.expected_calibration_error(np.eye(3), np.arange(3)) == 0


def test_auroc_by_hand() -> None:
    # Of the six pairs four are in order, one is tied, one is not.
    usual, unusual = np.array([1.0, 2.0, 3.0]), np.array([2.0, 4.0])
    assert metrics.auroc(usual, unusual) == pytest.approx((1 + 0.5 + 0 + 3) / 6)


def test_neighbours_vote() -> None:
    codes = np.array([[0.0], [0.1], [0.2], [5.0], [5.1], [5.2]])
    labels = np.array([3, 3, 4, 4, 4, 3])
    found = metrics.neighbour_accuracy(
        codes, labels, np.array([[0.05], [5.05], [0.1]]), np.array([3, 4, 4]), neighbours=3
    )
    assert found == pytest.approx(2 / 3)


def test_principal_components_reconstruct_what_has_so_many_dimensions() -> None:
    random = np.random.default_rng(0)
    axes = random.normal(0, 8, (3, 784))
    images = np.rint(np.clip(128 + random.normal(0, 1, (200, 3)) @ axes, 0, 255))
    images = images.astype(np.uint8).reshape(-1, 28, 28, 1)
    enough = metrics.principal_components(images[:150], components=3)
    too_few = metrics.principal_components(images[:150], components=1)
    assert enough.codes(images[150:]).shape == (50, 3)
    assert enough.errors(images[150:]).shape == (50,)
    assert enough.errors(images[150:]).mean() < 1e-5
    assert too_few.errors(images[150:]).mean() > 10 * enough.errors(images[150:]).mean()


@pytest.mark.parametrize("true_temperature", [0.5, 1.0, 2.5])
def test_the_temperature_that_distorted_probabilities_is_found(true_temperature: float) -> None:
    random = np.random.default_rng(0)
    logits = random.normal(0, 2, (20_000, 4))
    honest = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    labels = (honest.cumsum(axis=1) > random.random((len(honest), 1))).argmax(axis=1)
    distorted = sharpened(honest, 1 / true_temperature)
    assert temperature(distorted, labels) == pytest.approx(true_temperature, rel=0.05)


def test_a_temperature_changes_no_decision() -> None:
    changed = sharpened(PROBABILITIES, 0.3)
    assert changed.argmax(axis=1).tolist() == PROBABILITIES.argmax(axis=1).tolist()
    assert changed.sum(axis=1) == pytest.approx(np.ones(4))
