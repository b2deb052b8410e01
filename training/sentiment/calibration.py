"""Probabilities that mean what they say, for single words as for long reviews.

A network that learns from both is more often wrong about short texts, but not as much less certain
as it should be. So its temperature (Guo et al., "On Calibration of Modern Neural Networks", 2017,
section 4.2) depends on the number of tokens: logits are multiplied by
exp(sharpness + by_length * ln(tokens)).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize  # type: ignore[import-untyped]

from training.metrics import negative_log_likelihood

UNCALIBRATED = [0.0, 0.0]
BOUNDS = [(-3.0, 3.0), (-1.0, 1.0)]
"""If no text is misjudged, no sharpness would be too large."""


@dataclass(frozen=True)
class LengthCalibration:
    """How logits are multiplied: see the module."""

    sharpness: float
    by_length: float


@dataclass(frozen=True)
class Judged:
    """Texts that the network wasn't trained on, and what it says about them."""

    probabilities: np.ndarray
    """float [n, 2], uncalibrated."""
    labels: np.ndarray
    """int [n]."""
    tokens: np.ndarray
    """int [n]."""


def fit(sets: Sequence[Judged]) -> LengthCalibration:
    """The calibration with the least negative log-likelihood; all sets have the same weight."""

    def loss(values: np.ndarray) -> float:
        found = LengthCalibration(*values)
        return float(
            np.mean(
                [negative_log_likelihood(calibrated(each, found), each.labels) for each in sets]
            )
        )

    best = minimize(loss, UNCALIBRATED, method="Nelder-Mead", bounds=BOUNDS).x
    return LengthCalibration(*map(float, best))


def calibrated(judged: Judged, calibration: LengthCalibration) -> np.ndarray:
    """The calibrated probabilities, float [n, 2]."""
    log_tokens = np.log(np.maximum(judged.tokens, 1))
    sharpness = np.exp(calibration.sharpness + calibration.by_length * log_tokens)
    logits = np.log(np.maximum(judged.probabilities, np.finfo(np.float32).tiny))
    logits *= sharpness[:, np.newaxis]
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=1, keepdims=True))
