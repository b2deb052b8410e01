"""Calibration: a classifier's probabilities become as high as it is often right."""

import numpy as np

from training.metrics import negative_log_likelihood


def temperature(probabilities: np.ndarray, labels: np.ndarray) -> float:
    """The temperature by which logits should be divided: below 1 if the model was underconfident.

    It minimises the negative log-likelihood of `labels` [n] under `probabilities` [n, classes],
    both of examples that the model was not trained on. It doesn't change the predicted labels. Guo
    et al., "On Calibration of Modern Neural Networks", 2017, section 4.2.
    """
    candidates = np.geomspace(0.2, 5.0, 323)
    losses = [
        negative_log_likelihood(sharpened(probabilities, each), labels) for each in candidates
    ]
    return float(candidates[int(np.argmin(losses))])


def sharpened(probabilities: np.ndarray, temperature: float) -> np.ndarray:
    """The probabilities [n, classes] that the same logits give when divided by `temperature`."""
    logits = np.log(np.maximum(probabilities, np.finfo(np.float32).tiny)) / temperature
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=1, keepdims=True))
