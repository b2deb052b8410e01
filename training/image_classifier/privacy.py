"""What a classifier tells about the pictures that it was trained on: measured, and put on its card.

The version itself is attacked by its losses. The likelihood ratio needs models whose members the
attacker knows, so it attacks the version's training: the same recipe, with fewer epochs, on random
halves of the training pictures. Each of these models is the target once, the others its shadows.
"""

from dataclasses import fields, replace
from pathlib import Path

import numpy as np
from scipy import stats  # type: ignore[import-untyped]

from training import artifact, studies
from training.card import Baseline, Card, Metric, TrainingRecord
from training.data.images import ImageDataset, Images
from training.image_classifier.classifier import ImageClassifier
from training.image_classifier.evaluation import evaluate
from training.image_classifier.learning import learn, pixels
from training.privacy.membership import (
    FALSE_POSITIVES,
    Leak,
    chance_advantage,
    confidences,
    leak,
    likelihood_ratio_scores,
    loss_scores,
)
from training.recipes import Recipe

STUDY = "membership"
MODELS = 8
EPOCHS = 8
"""Of a model on half of the pictures."""


def membership(classifier: ImageClassifier, folder: Path) -> Card:
    """Attack the version in `folder` and its training; write the figures into its card.

    Raises:
        TrainingError: there is no model, or there are no data.
    """
    record = TrainingRecord.read(folder)
    recipe = recipe_of(record)
    data = classifier.data.load(quick=record.quick)
    metrics = [
        *_by_loss(folder, data),
        *_by_likelihood_ratio(classifier.variant(recipe), data, recipe),
    ]
    studies.write(folder, STUDY, metrics)
    return evaluate(classifier, folder)


def recipe_of(record: TrainingRecord) -> Recipe:
    """The recipe that a version was trained by."""
    names = {field.name for field in fields(Recipe)}
    known = {name: value for name, value in record.hyperparameters.items() if name in names}
    return Recipe(**known)  # type: ignore[arg-type]


def _by_loss(folder: Path, data: ImageDataset) -> list[Metric]:
    """The validation pictures are no members, and were drawn as the members were."""
    loaded = artifact.load(folder)

    def scores(images: Images) -> np.ndarray:
        answers = artifact.call(loaded, "serving_default", {"image": images.images})
        return loss_scores(answers["probabilities"], images.labels)

    found = leak(scores(data.train), scores(data.validation))
    return _metrics(
        [found],
        "loss",
        f"{data.name} train against validation",
        chance_advantage(len(data.train), len(data.validation)),
        "loss threshold (Yeom et al., 2018) on this version",
    )


def _by_likelihood_ratio(
    classifier: ImageClassifier, data: ImageDataset, recipe: Recipe
) -> list[Metric]:
    short = replace(recipe, epochs=min(recipe.epochs, EPOCHS))
    trained = _halves(len(data.train))
    found = np.stack(
        [
            _confidences(classifier, data, replace(short, seed=number), half)
            for number, half in enumerate(trained)
        ]
    )
    half = len(data.train) // 2
    return _metrics(
        attack_each(found, trained),
        "likelihood_ratio",
        f"{data.name} train, random halves",
        chance_advantage(half, half),
        f"likelihood ratio (Carlini et al., 2022, online) on its training with {short.epochs} "
        f"epochs on halves, mean of {MODELS} targets with {MODELS - 1} shadow models each",
    )


def _halves(examples: int) -> np.ndarray:
    """For each model whether it is trained on each example: bool [models, examples].

    Each draws its own half. If all examples were in equally many, the others' halves would tell
    the target's.
    """
    random = np.random.default_rng(0)
    order = random.permuted(np.tile(np.arange(examples), (MODELS, 1)), axis=1)
    return order < examples // 2


def _confidences(
    classifier: ImageClassifier, data: ImageDataset, recipe: Recipe, chosen: np.ndarray
) -> np.ndarray:
    """Those of a model that is trained on the chosen pictures, for all training pictures."""
    model, _ = learn(classifier, replace(data, train=data.train[chosen]), recipe)
    probabilities = model.predict(pixels(data.train.images), batch_size=500, verbose=0)
    return confidences(probabilities, data.train.labels)


def attack_each(found: np.ndarray, trained: np.ndarray) -> list[Leak]:
    """The leak of each model, whose shadows are the others.

    Args:
        found: the models' `confidences` [models, examples].
        trained: whether each was trained on each example, bool [models, examples].
    """
    leaks = []
    for number, (target, members) in enumerate(zip(found, trained, strict=True)):
        others = np.arange(len(found)) != number
        scores = likelihood_ratio_scores(target, found[others], trained[others])
        leaks.append(leak(scores[members], scores[~members]))
    return leaks


def _metrics(
    leaks: list[Leak], attack: str, dataset: str, chance: float, note: str
) -> list[Metric]:
    """Both figures, the mean of all targets."""
    figures = {
        "advantage": ([each.advantage for each in leaks], chance, note),
        "true_positives": (
            [each.true_positives for each in leaks],
            FALSE_POSITIVES,
            f"at {FALSE_POSITIVES:.1%} false positives; {note}",
        ),
    }
    return [
        Metric(
            f"membership_{name}_by_{attack}",
            dataset,
            float(np.mean(values)),
            higher_is_better=False,
            baseline=Baseline("chance", by_chance),
            note=explained + _interval(values),
        )
        for name, (values, by_chance, explained) in figures.items()
    ]


def _interval(values: list[float]) -> str:
    """The 95% confidence interval of the mean by Student's t, if there are several values."""
    if len(values) < 2:
        return ""
    low, high = stats.t.interval(0.95, len(values) - 1, np.mean(values), stats.sem(values))
    return f"; 95% interval {max(0.0, low):.4f} to {high:.4f}"
