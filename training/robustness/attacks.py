"""The attacks of the study, on as many pictures as there are."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import tensorflow as tf

from training.robustness import gradient_attacks
from training.robustness.gradient_attacks import Logits
from training.robustness.square_attack import square

EPSILONS = (0.02, 0.05, 0.1, 0.15, 0.2, 0.3)
"""How far a value in 0..1 may move, in the curves, ..."""

EPSILON = 0.1
"""... and where most pictures are attacked: the epsilon that the figures in the card are about."""

BATCH = 250
STEPS_TO_CROSS = 2.5
"""PGD's steps together reach so many epsilons: from any start to any end, and back a little."""


@dataclass(frozen=True)
class Effort:
    """How many pictures are attacked, and how persistently.

    `pictures` are attacked at `EPSILON`, by the square attack `square_pictures`; at the other
    epsilons PGD attacks `pictures_elsewhere`, the square attack `square_pictures_elsewhere`.
    """

    pictures: int = 10_000
    pictures_elsewhere: int = 1_000
    square_pictures: int = 1_000
    square_pictures_elsewhere: int = 250
    steps: int = 40
    starts: int = 2
    queries: int = 1_000


QUICK = Effort(100, 50, 50, 20, steps=5, starts=1, queries=20)
"""For a smoke test."""

Run = Callable[[np.ndarray, np.ndarray, float], np.ndarray]


@dataclass(frozen=True)
class Attack:
    """One attack: how many pictures it gets, and `run(images, labels, epsilon)`.

    `run` takes and returns float32 [n, height, width, channels] in 0..1, and takes labels [n].
    """

    name: str
    description: str
    pictures: int
    pictures_elsewhere: int
    run: Run


def attacks_on(logits: Logits, effort: Effort) -> list[Attack]:
    """The attacks on a network, from the weakest that knows it to one that only asks it."""
    return [
        Attack("fgsm", "one step", effort.pictures, effort.pictures, _fgsm(logits)),
        Attack(
            "pgd",
            f"{effort.steps} steps, {effort.starts} random starts",
            effort.pictures,
            effort.pictures_elsewhere,
            _pgd(logits, effort.steps, effort.starts),
        ),
        Attack(
            "square",
            f"{effort.queries:,} queries, no gradients",
            effort.square_pictures,
            effort.square_pictures_elsewhere,
            _square(logits, effort.queries),
        ),
    ]


def in_batches(function: Callable[..., tf.Tensor]) -> Callable[..., np.ndarray]:
    """A function of tensors as one of arrays of any length, computed `BATCH` rows at a time."""
    compiled = tf.function(function, reduce_retracing=True)

    def run(*arrays: np.ndarray) -> np.ndarray:
        starts = range(0, len(arrays[0]), BATCH)
        parts = [
            compiled(*(tf.constant(each[at : at + BATCH]) for each in arrays)) for at in starts
        ]
        return np.concatenate([part.numpy() for part in parts])

    return run


def _fgsm(logits: Logits) -> Run:
    def attack(images: tf.Tensor, labels: tf.Tensor, epsilons: tf.Tensor) -> tf.Tensor:
        return gradient_attacks.fgsm(logits, images, labels, epsilons)

    batched = in_batches(attack)
    return lambda images, labels, epsilon: batched(images, labels, _rows(epsilon, images))


def _pgd(logits: Logits, steps: int, starts: int) -> Run:
    """PGD from one start after the other, for the pictures that the earlier ones left right."""

    def attack(images: tf.Tensor, labels: tf.Tensor, epsilons: tf.Tensor) -> tf.Tensor:
        step_size = STEPS_TO_CROSS * epsilons / steps
        return gradient_attacks.pgd(logits, images, labels, epsilons, steps, step_size)

    batched, answers = in_batches(attack), in_batches(logits)

    def run(images: np.ndarray, labels: np.ndarray, epsilon: float) -> np.ndarray:
        attacked = images.copy()
        for _ in range(starts):
            right = np.flatnonzero(answers(attacked).argmax(axis=1) == labels)
            if len(right):
                attacked[right] = batched(
                    images[right], labels[right], _rows(epsilon, images[right])
                )
        return attacked

    return run


def _square(logits: Logits, queries: int) -> Run:
    answers = in_batches(logits)
    return lambda images, labels, epsilon: square(answers, images, labels, epsilon, queries)


def _rows(epsilon: float, images: np.ndarray) -> np.ndarray:
    return np.full((len(images), 1, 1, 1), epsilon, np.float32)
