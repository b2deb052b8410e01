"""An attack that only asks a network: one whose gradients mislead is not safe from it."""

import math
from collections.abc import Callable
from typing import TypeAlias

import numpy as np

Answers: TypeAlias = Callable[[np.ndarray], np.ndarray]
"""The attacked network: pictures to logits, float32 [n, classes]."""

FIRST_AREA = 0.8
"""The share of the picture that the first square covers."""

HALVINGS = np.array([10, 50, 200, 500, 1_000, 2_000, 4_000, 6_000, 8_000]) / 10_000
"""After these shares of the queries the area is halved, as in the paper's section 3.3."""


def square(
    logits: Answers,
    images: np.ndarray,
    labels: np.ndarray,
    epsilon: float,
    queries: int,
    seed: int = 0,
) -> np.ndarray:
    """Squares at random places are made lighter or darker, where that lowers the label's margin.

    Andriushchenko et al., "Square Attack: a query-efficient black-box adversarial attack via random
    search", 2020, algorithms 1 and 2, with the first area of Croce and Hein, "Reliable evaluation
    of adversarial robustness with an ensemble of diverse parameter-free attacks", 2020.

    Args:
        logits: the attacked network.
        images: float32 [n, height, width, channels] in 0..1.
        labels: integers [n].
        epsilon: how far each value may move (L-infinity).
        queries: how often the network is asked about each picture, at most.
        seed: of the random numbers.

    Returns:
        Pictures of the same form; of those that were not fooled, what came nearest to it.
    """
    random = np.random.default_rng(seed)
    count, height, width, channels = images.shape
    stripes = _signs(random, (count, 1, width, channels))
    attacked = np.clip(images + epsilon * stripes, 0, 1)
    margins = _margins(logits(attacked), labels)
    for query in range(1, queries):
        active = np.flatnonzero(margins > 0)
        if not len(active):
            break
        side = _side(query / queries, (height, width))
        inside = _squares(random, len(active), (height, width), side)
        shift = epsilon * _signs(random, (len(active), 1, 1, channels))
        changed = np.clip(images[active] + shift, 0, 1)
        tried = np.where(inside, changed, attacked[active])
        found = _margins(logits(tried), labels[active])
        better = found < margins[active]
        attacked[active[better]] = tried[better]
        margins[active[better]] = found[better]
    return attacked


def _signs(random: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    return random.choice(np.array([-1, 1], np.float32), shape)


def _margins(logits: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """By how much each label's logit is above the highest other: the answer is wrong below 0."""
    rows = np.arange(len(labels))
    others = logits.copy()
    others[rows, labels] = -np.inf
    margins: np.ndarray = logits[rows, labels] - others.max(axis=1)
    return margins


def _side(progress: float, size: tuple[int, int]) -> int:
    """The square's side in pixels after a share of the queries."""
    height, width = size
    halvings = int(np.sum(progress > HALVINGS))
    side = round(math.sqrt(FIRST_AREA * 0.5**halvings * height * width))
    return max(1, min(side, height, width))


def _squares(
    random: np.random.Generator, count: int, size: tuple[int, int], side: int
) -> np.ndarray:
    """Which pixels are inside a square of each picture: bool [count, height, width, 1]."""
    height, width = size
    tops = random.integers(0, height - side + 1, (count, 1, 1, 1))
    lefts = random.integers(0, width - side + 1, (count, 1, 1, 1))
    rows = np.arange(height)[:, None, None] - tops
    columns = np.arange(width)[:, None] - lefts
    inside: np.ndarray = (rows >= 0) & (rows < side) & (columns >= 0) & (columns < side)
    return inside
