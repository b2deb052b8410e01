"""Membership inference: was this example among those that the model was trained on?

An attack gives each example a score, which is higher for a likelier member. Two kinds are here: by
the loss (Yeom, Giacomelli, Fredrikson, Jha, "Privacy Risk in Machine Learning", 2018, section 3.2)
and by a likelihood ratio (Carlini et al., "Membership Inference Attacks From First Principles",
2022: LiRA, online, with one variance for all examples, since the shadow models are few).
"""

import math
from dataclasses import dataclass

import numpy as np
from sklearn.metrics import roc_curve

FALSE_POSITIVES = 0.001
"""Share of the non-members that may be taken for members, where true positives are counted."""


@dataclass(frozen=True)
class Leak:
    """What an attack finds out: 0 and `FALSE_POSITIVES` are nothing.

    `advantage` is the largest difference of true and false positive rate over all thresholds,
    `true_positives` the true positive rate at `FALSE_POSITIVES`.
    """

    advantage: float
    true_positives: float


def leak(members: np.ndarray, others: np.ndarray) -> Leak:
    """How well scores of members [n] are told from scores of others [m]."""
    truth = np.concatenate([np.ones(len(members)), np.zeros(len(others))])
    scores = np.concatenate([members, others])
    false, true, _ = roc_curve(truth, scores, drop_intermediate=False)
    return Leak(float((true - false).max()), float(true[false <= FALSE_POSITIVES].max()))


def chance_advantage(members: int, others: int) -> float:
    """The mean advantage of scores that have nothing to do with membership.

    It isn't 0, since the threshold is the best one of many: it is the mean of the one-sided
    statistic of Smirnov, for large numbers of examples.
    """
    return math.sqrt(math.pi / 8 * (1 / members + 1 / others))


def loss_scores(probabilities: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """The negative losses [n]: members are expected to have small ones.

    Args:
        probabilities: float [n, classes], the model's answers.
        labels: integers [n], the true classes.
    """
    chosen = probabilities[np.arange(len(labels)), labels].astype(np.float64)
    return np.asarray(np.log(np.maximum(chosen, np.finfo(np.float32).tiny)))


def confidences(probabilities: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """The log-odds of the true classes [n], which are about normally distributed; see above."""
    others = probabilities.astype(np.float64)
    others[np.arange(len(labels)), labels] = 0
    sums = np.maximum(others.sum(axis=1), np.finfo(np.float32).tiny)
    return np.asarray(loss_scores(probabilities, labels) - np.log(sums))


def likelihood_ratio_scores(
    target: np.ndarray, shadows: np.ndarray, trained: np.ndarray
) -> np.ndarray:
    """How much likelier the target's confidences [n] are for members than for others, in nats.

    An example that no shadow model, or each of them, was trained on gets 0: nothing is known.

    Args:
        target: `confidences` of the attacked model [n].
        shadows: those of models that the attacker has trained alike [models, n].
        trained: whether each of these was trained on each example, bool [models, n].
    """
    inside, outside = _Normal(shadows, trained), _Normal(shadows, ~trained)
    variance = (inside.squares + outside.squares) / (inside.freedom + outside.freedom)
    scores = ((target - outside.means) ** 2 - (target - inside.means) ** 2) / (2 * variance)
    return np.where(inside.known & outside.known, scores, 0.0)


class _Normal:
    """The chosen ones [models, n] of some values: a mean for each of n examples."""

    def __init__(self, values: np.ndarray, chosen: np.ndarray) -> None:
        counts = chosen.sum(axis=0)
        self.known = counts > 0
        self.means = np.where(chosen, values, 0).sum(axis=0) / np.maximum(counts, 1)
        self.squares = float((np.where(chosen, values - self.means, 0) ** 2).sum())
        self.freedom = int(chosen.sum() - self.known.sum())
