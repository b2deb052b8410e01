"""How much a sentiment model stands: typos, capitals, odd spaces and accents."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from training import artifact, metrics, plots, studies
from training.card import Baseline, Card, Metric
from training.data.imdb import Reviews
from training.files import write_atomically
from training.sentiment import texts
from training.sentiment.evaluation import REVIEWS, SENTENCES, evaluate, judged
from training.sentiment.perturbations import KINDS, SHARES, all_perturbed

STUDY = "robustness"
PICTURE = "robustness.png"
SAMPLE = 1000
"""So many reviews are tried; and all sentences."""

SEED = 0

Curves = Mapping[str, Mapping[float, float]]
"""For each kind the accuracy at each share of changed words; at 0 that of the texts as they are."""


def attack(folder: Path) -> Card:
    """Spoil the held-out texts in four ways; write the figures, a picture and the card.

    Raises:
        TrainingError: there is no model, or there are no data.
    """
    loaded = artifact.load(folder)
    data = texts.load()
    reviews = data.reviews.test
    step = max(1, len(reviews) // SAMPLE)
    parts = {
        SENTENCES: data.sentences.test,
        REVIEWS: Reviews(reviews.texts[::step], reviews.labels[::step]),
    }
    curves = {name: _curves(loaded, part) for name, part in parts.items()}
    studies.write(folder, STUDY, _metrics(curves))
    panels = {kind: {name: each[kind] for name, each in curves.items()} for kind in KINDS}
    write_atomically(folder / PICTURE, plots.curves(panels, "accuracy"))
    return evaluate(folder)


def _curves(loaded: Any, part: Reviews) -> Curves:
    unchanged = metrics.accuracy(judged(loaded, part.texts), part.labels)
    return {kind: {0.0: unchanged} | _accuracies(loaded, part, kind) for kind in KINDS}


def _accuracies(loaded: Any, part: Reviews, kind: str) -> dict[float, float]:
    return {
        share: metrics.accuracy(
            judged(loaded, all_perturbed(part.texts, kind, share, SEED)), part.labels
        )
        for share in SHARES
    }


def _metrics(curves: Mapping[str, Curves]) -> list[Metric]:
    return [
        Metric(
            f"accuracy_with_{kind}_in_{share:.0%}_of_words".replace("%", "_percent"),
            dataset,
            value,
            baseline=Baseline("the same texts unchanged", by_share[0.0]),
        )
        for dataset, by_kind in curves.items()
        for kind, by_share in by_kind.items()
        for share, value in by_share.items()
        if share
    ]
