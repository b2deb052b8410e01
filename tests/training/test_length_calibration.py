import numpy as np
import pytest

from training.metrics import expected_calibration_error
from training.sentiment.calibration import Judged, LengthCalibration, calibrated, fit


def overconfident(tokens: int, factor: float, seed: int) -> Judged:
    """Answers whose logits are `factor` times what they should be."""
    random = np.random.default_rng(seed)
    logits = random.normal(scale=2, size=4000)
    labels = (random.random(4000) < 1 / (1 + np.exp(-logits))).astype(np.int64)
    positive = 1 / (1 + np.exp(-factor * logits))
    return Judged(np.column_stack([1 - positive, positive]), labels, np.full(4000, tokens))


def test_short_and_long_texts_are_both_calibrated() -> None:
    sets = [overconfident(8, 3.0, seed=0), overconfident(256, 0.7, seed=1)]
    for each in sets:
        assert expected_calibration_error(each.probabilities, each.labels) > 0.05
    found = fit(sets)
    for each in sets:
        assert expected_calibration_error(calibrated(each, found), each.labels) < 0.03


def test_calibrating_changes_no_decision() -> None:
    judged = overconfident(8, 3.0, seed=2)
    after = calibrated(judged, LengthCalibration(sharpness=-1.0, by_length=0.2))
    assert (after.argmax(axis=1) == judged.probabilities.argmax(axis=1)).all()
    assert after.sum(axis=1) == pytest.approx(1)


def test_a_network_without_mistakes_stays_finite() -> None:
    labels = np.array([0, 1] * 50)
    sure = np.where(labels[:, np.newaxis] == [0, 1], 0.9, 0.1)
    judged = Judged(sure, labels, np.full(100, 20))
    after = calibrated(judged, fit([judged]))
    assert np.isfinite(after).all()
    assert (after.argmax(axis=1) == labels).all()
