"""Probabilities for many texts at once; texts of similar length share a batch."""

from collections.abc import Callable, Sequence

import numpy as np
import tensorflow as tf

from training.sentiment.examples import padded

BATCH = 200


def judge(answer: Callable[[tf.Tensor], tf.Tensor], rows: Sequence[np.ndarray]) -> np.ndarray:
    """The probabilities for texts that are given as token ids.

    Args:
        answer: int32 [n, tokens], padded with 0, to float32 [n, 2].
        rows: for each text int [its tokens].

    Returns:
        float32 [texts, 2].
    """
    order = np.argsort([len(row) for row in rows], kind="stable")
    probabilities = np.empty((len(rows), 2), np.float32)
    for start in range(0, len(rows), BATCH):
        chosen = order[start : start + BATCH]
        probabilities[chosen] = answer(tf.constant(padded([rows[index] for index in chosen])))
    return probabilities
