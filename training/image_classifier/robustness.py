"""How much an exported classifier stands: attacks on it, and damaged pictures."""

import logging
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import keras
import numpy as np

from training import artifact, plots, studies
from training.card import Baseline, Card, Metric, TrainingRecord
from training.data.images import Images
from training.files import write_atomically
from training.image_classifier.classifier import ImageClassifier
from training.image_classifier.evaluation import evaluate
from training.image_classifier.learning import pixels
from training.image_classifier.privacy import recipe_of
from training.robustness.attacks import (
    EPSILON,
    EPSILONS,
    QUICK,
    Attack,
    Effort,
    attacks_on,
    in_batches,
)
from training.robustness.corruptions import CORRUPTIONS, Corruption
from training.robustness.network import logits_of, rebuilt
from training.robustness.square_attack import Answers

STUDY = "robustness"
PICTURE = "robustness.png"
FIRST_VERSION = "1"
SAMPLES = 100
"""So many pictures show that the network with gradients answers as the exported model."""

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class AttackResult:
    """What an attack did: the accuracy at each epsilon, and at `EPSILON` the pictures it made.

    `rows` are the indexes of the pictures that it got at `EPSILON`, `attacked` what it made of
    them, float32 [n, height, width, channels], and `right` which are recognized all the same.
    """

    attack: Attack
    accuracies: Mapping[float, float]
    rows: np.ndarray
    attacked: np.ndarray
    right: np.ndarray


def attack(classifier: ImageClassifier, folder: Path) -> Card:
    """Attack the exported model, damage its test pictures; write the figures, picture and card.

    The baselines of a later version are the figures of version 1 beside it, if that was attacked.

    Raises:
        TrainingError: there is no model, or it isn't this classifier's, or there are no data.
    """
    record = TrainingRecord.read(folder)
    data = classifier.data.load(quick=record.quick)
    effort = QUICK if record.quick else Effort()
    test = data.test[spread(len(data.test), effort.pictures)]
    keras.utils.set_random_seed(0)
    build = classifier.variant(recipe_of(record)).build_network
    logits = logits_of(rebuilt(build, folder, test.images[:SAMPLES]))
    loaded = artifact.load(folder)
    answers = in_batches(logits)
    results = [attacked(each, answers, test) for each in attacks_on(logits, effort)]
    curves = {each: damaged(each, loaded, test) for each in CORRUPTIONS}
    metrics = [
        *_attack_metrics(results, test, loaded, f"{data.name} test"),
        *_corruption_metrics(curves, f"{data.name} test"),
    ]
    studies.write(folder, STUDY, [_compared(metric, folder) for metric in metrics])
    write_atomically(folder / PICTURE, _picture(results, curves))
    return evaluate(classifier, folder)


def spread(total: int, count: int) -> np.ndarray:
    """The indexes of at most `count` of `total` pictures, evenly spread."""
    return np.arange(0, total, max(1, total // count))[:count]


def attacked(attack: Attack, answers: Answers, test: Images) -> AttackResult:
    """Run an attack at each of `EPSILONS`; `answers` are the network's logits, for arrays."""
    accuracies = {}
    for epsilon in EPSILONS:
        count = attack.pictures if epsilon == EPSILON else attack.pictures_elsewhere
        rows = spread(len(test), count)
        images = attack.run(pixels(test.images[rows]), test.labels[rows], epsilon)
        right = answers(images).argmax(axis=1) == test.labels[rows]
        accuracies[epsilon] = float(right.mean())
        logger.info("%s at epsilon %g: accuracy %.4f", attack.name, epsilon, accuracies[epsilon])
        if epsilon == EPSILON:
            there = (rows, images, right)
    return AttackResult(attack, accuracies, *there)


def damaged(corruption: Corruption, loaded: Any, test: Images) -> dict[float, float]:
    """The accuracy of the exported model at each strength of a corruption."""
    accuracies = {}
    for strength in corruption.strengths:
        images = np.rint(corruption(pixels(test.images), strength) * 255).astype(np.uint8)
        accuracies[strength] = _accuracy(loaded, images, test.labels)
    logger.info("%s: accuracy %s", corruption.name, _points(accuracies))
    return accuracies


def in_8_bits(attacked: np.ndarray, images: np.ndarray, epsilon: float) -> np.ndarray:
    """Attacked pictures as a file has them: rounded, and still within epsilon of `images`.

    Args:
        attacked: float32 [n, height, width, channels] in 0..1.
        images: what was attacked, uint8 of the same shape.
        epsilon: how far a value may move.

    Returns:
        uint8 of the same shape.
    """
    limit = int(epsilon * 255)
    levels = images.astype(int)
    rounded = np.clip(np.rint(attacked * 255), levels - limit, levels + limit)
    return np.asarray(rounded.astype(np.uint8))


def _accuracy(loaded: Any, images: np.ndarray, labels: np.ndarray) -> float:
    answers = artifact.call(loaded, "serving_default", {"image": images})
    return float(np.mean(answers["probabilities"].argmax(axis=1) == labels))


def _attack_metrics(
    results: list[AttackResult], test: Images, loaded: Any, dataset: str
) -> Iterator[Metric]:
    for result in results:
        elsewhere = result.attack.pictures_elsewhere
        at_others = f" ({elsewhere:,} at the others)" if elsewhere < len(result.rows) else ""
        yield Metric(
            f"accuracy_under_{result.attack.name}",
            dataset,
            result.accuracies[EPSILON],
            note=f"epsilon {EPSILON:g} (L-infinity), {result.attack.description}, "
            f"{len(result.rows):,} pictures{at_others}; by epsilon: {_points(result.accuracies)}",
        )
    pgd = next(result for result in results if result.attack.name == "pgd")
    yield _worst(results, pgd, dataset)
    images, labels = test.images[pgd.rows], test.labels[pgd.rows]
    yield Metric(
        "accuracy_under_pgd_in_8_bits",
        dataset,
        _accuracy(loaded, in_8_bits(pgd.attacked, images, EPSILON), labels),
        note=f"PGD's pictures at epsilon {EPSILON:g} in whole numbers of 0..255, as files have "
        f"them, {len(labels):,} pictures",
    )


def _worst(results: list[AttackResult], pgd: AttackResult, dataset: str) -> Metric:
    """The accuracy if each picture gets the attack that it stands least."""
    rows = min((result.rows for result in results), key=len)
    every = [result.right[np.isin(result.rows, rows)] for result in results]
    alone = pgd.right[np.isin(pgd.rows, rows)].mean()
    return Metric(
        "accuracy_under_every_attack",
        dataset,
        float(np.all(every, axis=0).mean()),
        note=f"epsilon {EPSILON:g}: right whichever attack is made, {len(rows):,} pictures, which "
        f"all attacks got; under PGD alone {alone:.4f}",
    )


def _corruption_metrics(
    curves: Mapping[Corruption, Mapping[float, float]], dataset: str
) -> Iterator[Metric]:
    for corruption, accuracies in curves.items():
        yield Metric(
            f"accuracy_under_{corruption.name}",
            dataset,
            float(np.mean(list(accuracies.values()))),
            note=f"mean of five strengths; by {corruption.unit}: {_points(accuracies)}",
        )


def _points(curve: Mapping[float, float]) -> str:
    return ", ".join(f"{strength:g} {accuracy:.4f}" for strength, accuracy in curve.items())


def _compared(metric: Metric, folder: Path) -> Metric:
    """The metric, with version 1's figure as its baseline if the model is a later version."""
    first = folder.resolve().parent / FIRST_VERSION
    if folder.resolve() == first:
        return metric
    known = {each.name: each.value for each in studies.read(first)}
    if metric.name not in known:
        return metric
    return replace(metric, baseline=Baseline(f"version {FIRST_VERSION}", known[metric.name]))


def _picture(
    results: list[AttackResult], curves: Mapping[Corruption, Mapping[float, float]]
) -> bytes:
    panels = {
        "attacks, by epsilon": {each.attack.name: each.accuracies for each in results},
        **{f"{each.name}, by {each.unit}": {"": curve} for each, curve in curves.items()},
    }
    return plots.curves(panels, "accuracy")
