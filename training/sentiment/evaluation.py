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
from training.data import imdb, lexicon, word_vectors
from training.data.imdb import Reviews, Split
from training.files import write_atomically
from training.sentiment import texts
from training.sentiment.examples import HEAD_TOKENS, LENGTH_BUCKETS, MAX_TOKENS, cut
from training.sentiment.judging import BATCH, judge
from training.sentiment.normalization import NORMALIZATION
from training.sentiment.texts import Texts
from training.sentiment.vectorizer import Vectorizer
from training.sentiment.vocabulary import PADDING

LABELS = ["negative", "positive"]
BASELINE_NAME = "TF-IDF of words and word pairs + logistic regression"
REVIEWS = "IMDB reviews of other films"
SENTENCES = "Rotten Tomatoes sentences"
PAIRS = "contrast pairs of held-out templates"
WRITTEN = "contrast pairs of another writer"
TYPED = "sentences that newcomers type"
NOTES = {
    SENTENCES: "a quarter of them, never trained on",
    PAIRS: "two texts that differ by a negation or a turn",
    WRITTEN: "two hundred, made up one by one, without knowledge of the training texts",
    TYPED: "fifty, written before the training",
}
LOWER_IS_BETTER = {"expected_calibration_error"}
UNCUT = 1024
"""Tokens: almost no review is longer."""


def evaluate(folder: Path) -> Card:
    """Measure the exported model on texts that it never saw; write its card and pictures.

    Raises:
        TrainingError: no model there, or no data.
    """
    record = TrainingRecord.read(folder)
    data = texts.load()
    loaded = artifact.load(folder)
    rows = vectorized(loaded, data.reviews.test.texts)
    probabilities = {REVIEWS: _judge(loaded, rows)}
    for name, part in short_texts(data).items():
        probabilities[name] = judged(loaded, part.texts)
    _write_pictures(folder, record, probabilities[REVIEWS], data.reviews.test.labels)
    card = make_card(
        folder,
        task="text_classification",
        description="Tells whether the author of a review or a sentence likes what it is about.",
        labels=LABELS,
        preprocessing=TextPreprocessing(MAX_TOKENS, LENGTH_BUCKETS, HEAD_TOKENS, NORMALIZATION),
        training_data=_described(data),
        metrics=[
            *_metrics(all_figures(data, probabilities), record),
            *_by_length(loaded, rows, data.reviews.test.labels, record),
            *studies.read(folder),
        ],
    )
    card.write(folder)
    return card


def short_texts(data: Texts) -> dict[str, Reviews]:
    """The short texts that the model is measured with, by their names in the card."""
    return {
        SENTENCES: data.sentences.test,
        PAIRS: data.pairs.test,
        WRITTEN: data.written.test,
        TYPED: data.typed,
    }


def all_figures(data: Texts, probabilities: dict[str, np.ndarray]) -> dict[tuple[str, str], float]:
    """The card's figures, by metric and dataset, for `probabilities` [n, 2] of each dataset."""
    parts = {REVIEWS: data.reviews.test, **short_texts(data)}
    found: dict[tuple[str, str], float] = {}
    for dataset, part in parts.items():
        answers = probabilities[dataset]
        values = {"accuracy": metrics.accuracy(answers, part.labels)}
        if dataset in {PAIRS, WRITTEN}:
            values = {"pairs_both_right": both_right(answers, part.labels)}
        if dataset != TYPED:
            values |= _probability_figures(answers, part.labels)
        found |= {(name, dataset): value for name, value in values.items()}
    return found


def both_right(probabilities: np.ndarray, labels: np.ndarray) -> float:
    """The share of contrast pairs whose texts are both judged right; all first texts come first."""
    right = probabilities.argmax(axis=1) == labels
    half = len(right) // 2
    return float(np.mean(right[:half] & right[half:]))


def _probability_figures(probabilities: np.ndarray, labels: np.ndarray) -> dict[str, float]:
    return {
        "roc_auc": float(roc_auc_score(labels, probabilities[:, 1])),
        "expected_calibration_error": metrics.expected_calibration_error(probabilities, labels),
    }


def baseline_figures(train: Reviews, data: Texts) -> dict[str, float]:
    """Train the baseline on `train`; its figures, by `_key`."""
    model = make_pipeline(
        TfidfVectorizer(ngram_range=(1, 2), min_df=2, sublinear_tf=True),
        LogisticRegression(C=10, max_iter=300),
    )
    model.fit(train.texts, train.labels)
    parts = {REVIEWS: data.reviews.test, **short_texts(data)}
    answers = {name: model.predict_proba(part.texts) for name, part in parts.items()}
    return {_key(*names): value for names, value in all_figures(data, answers).items()}


def uncut_figure(network: Any, vectorizer: Vectorizer, reviews: Reviews) -> dict[str, float]:
    """What the trained network would reach if reviews were cut only at `UNCUT` tokens."""
    rows = cut(vectorizer.all_token_ids(reviews.texts), UNCUT)
    probabilities = judge(tf.function(network, reduce_retracing=True), rows)
    return {_at_most(UNCUT): metrics.accuracy(probabilities, reviews.labels)}


def judged(loaded: Any, written: Sequence[str]) -> np.ndarray:
    """What the exported model says about texts: float32 [n, 2]."""
    return _judge(loaded, vectorized(loaded, written))


def vectorized(loaded: Any, written: Sequence[str]) -> list[np.ndarray]:
    """The token ids that the exported model makes from texts: int32 [tokens] for each."""
    rows: list[np.ndarray] = []
    for start in range(0, len(written), BATCH):
        text = tf.constant(list(written[start : start + BATCH]))
        matrix = loaded.signatures["vectorize"](text=text)["token_ids"].numpy()
        rows.extend(row[row != PADDING] for row in matrix)
    return rows


def _judge(loaded: Any, rows: Sequence[np.ndarray]) -> np.ndarray:
    tokens = loaded.signatures["tokens"]
    return judge(lambda token_ids: tokens(token_ids=token_ids)["probabilities"], rows)


def _metrics(values: dict[tuple[str, str], float], record: TrainingRecord) -> list[Metric]:
    return [
        Metric(
            name,
            dataset,
            value,
            higher_is_better=name not in LOWER_IS_BETTER,
            baseline=Baseline(BASELINE_NAME, record.baselines[_key(name, dataset)]),
            note=NOTES.get(dataset),
        )
        for (name, dataset), value in values.items()
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


def _described(data: Texts) -> list[TrainingData]:
    def described(name: str, source: str, sha256: str, split: Split) -> TrainingData:
        parts = {"train": split.train, "validation": split.validation, "test": split.test}
        return TrainingData(name, source, sha256, {key: len(part) for key, part in parts.items()})

    source, sha256 = imdb.WHEEL.source, imdb.WHEEL.sha256
    return [
        described("IMDB reviews, split by films", source, sha256, data.reviews),
        described("Rotten Tomatoes sentences", source, sha256, data.sentences),
        described(
            "Contrast pairs' texts, split by templates",
            "training/sentiment/contrast_templates.py",
            texts.hash_of(data.pairs),
            data.pairs,
        ),
        described(
            "Contrast pairs' texts, written one by one",
            "training/sentiment/written_pairs.tsv, written_pairs_held_out.tsv",
            texts.hash_of(data.written),
            data.written,
        ),
        TrainingData(
            "GloVe word vectors",
            word_vectors.PACKAGE.source,
            word_vectors.PACKAGE.sha256,
            {"words": word_vectors.WORDS},
        ),
        TrainingData(
            "VADER's lexicon", lexicon.WHEEL.source, lexicon.WHEEL.sha256, {"words": lexicon.WORDS}
        ),
    ]


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
