"""From the texts to an exported, measured model."""

import re
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from training import golden
from training.card import Card, TrainingRecord
from training.data import lexicon, word_vectors
from training.data.imdb import Reviews, Split, joined
from training.data.word_vectors import WordVectors
from training.files import staged_folder
from training.fitting import batching, described, fit, optimizer
from training.recipes import QUICK_EXAMPLES, Recipe
from training.sentiment import calibration, texts
from training.sentiment.calibration import Judged, LengthCalibration
from training.sentiment.evaluation import baseline_figures, evaluate, uncut_figure
from training.sentiment.examples import TrainingExamples, batches, cut
from training.sentiment.exporting import export_network
from training.sentiment.features import word_features
from training.sentiment.judging import BATCH, judge
from training.sentiment.model import HYPERPARAMETERS, SentimentNetwork, TrainedNetwork
from training.sentiment.texts import Texts
from training.sentiment.vectorizer import Vectorizer
from training.sentiment.vocabulary import Vocabulary, learn_vocabulary

WORDS = 16_000
PHRASES = 14_000
OTHER_WORDS = 30_000
"""The most frequent words of GloVe are known as well, ..."""

WORD = re.compile(r"[^\W\d_][\w']*")
"""... if they look like this."""

LABEL_SMOOTHING = 0.05
SENTENCES_SHOWN = 2
"""How often each Rotten Tomatoes sentence is shown in an epoch."""


@dataclass(frozen=True)
class Knowledge:
    """What others found out about words."""

    glove: WordVectors
    ratings: Mapping[bytes, float]

    @property
    def words(self) -> list[bytes]:
        """The words that are worth knowing even if no training text has them."""
        found = [*self.glove.words[:OTHER_WORDS], *self.ratings]
        return [word for word in found if WORD.fullmatch(word.decode())]


def train(recipe: Recipe, target: Path) -> Card:
    """Train, export, verify and evaluate; on an error the folder `target` stays as it was.

    Raises:
        TrainingError: what to do is in the message.
    """
    started = time.monotonic()
    data = texts.load()
    known = Knowledge(word_vectors.load(), lexicon.load())
    if recipe.quick:
        data = shortened(data)
    keras.utils.set_random_seed(recipe.seed)
    shown = joined(data.reviews.train, data.sentences.train)
    vocabulary = learn_vocabulary(shown.texts, shown.labels, WORDS, PHRASES, known.words)
    vectorizer = Vectorizer(vocabulary)
    network, history = _fit(vocabulary, vectorizer, known, data, recipe)
    trained = TrainedNetwork(network)
    found = _calibrate(trained, vectorizer, data)
    record = TrainingRecord(
        name="sentiment",
        version=int(target.name),
        hyperparameters={
            **described(recipe),
            **HYPERPARAMETERS,
            "words": len(vocabulary.words),
            "words_learned": vocabulary.learned,
            "phrases": len(vocabulary.phrases),
            "label_smoothing": LABEL_SMOOTHING,
            "sentences_shown": SENTENCES_SHOWN,
            "sharpness": round(found.sharpness, 4),
            "sharpness_by_length": round(found.by_length, 4),
        },
        history=history,
        seconds=round(time.monotonic() - started, 1),
        baselines={
            **baseline_figures(joined(shown, data.pairs.train), data),
            **uncut_figure(trained, vectorizer, data.reviews.test),
        },
    )
    with staged_folder(target) as folder:
        export_network(trained, vectorizer, folder, golden.choose(data.reviews.test.texts))
        record.write(folder)
        return evaluate(folder)


def shortened(data: Texts) -> Texts:
    """`QUICK_EXAMPLES` training texts of each kind."""

    def short(split: Split) -> Split:
        return replace(split, train=_spread(split.train))

    return replace(
        data,
        reviews=short(data.reviews),
        sentences=short(data.sentences),
        pairs=short(data.pairs),
    )


def _spread(reviews: Reviews) -> Reviews:
    """`QUICK_EXAMPLES` texts, spread over the whole file, since it is ordered by class."""
    step = max(1, len(reviews) // QUICK_EXAMPLES)
    return Reviews(reviews.texts[::step], reviews.labels[::step])


def _fit(
    vocabulary: Vocabulary, vectorizer: Vectorizer, known: Knowledge, data: Texts, recipe: Recipe
) -> tuple[SentimentNetwork, dict[str, list[float]]]:
    reviews = vectorizer.all_token_ids(data.reviews.train.texts)
    sentences = vectorizer.all_token_ids(data.sentences.train.texts)
    pairs = vectorizer.all_token_ids(data.pairs.train.texts)
    features = word_features(
        vocabulary, reviews + sentences, known.glove, known.ratings, recipe.seed
    )
    network = SentimentNetwork(vocabulary, features)
    shown = joined(data.reviews.train, *[data.sentences.train] * SENTENCES_SHOWN, data.pairs.train)
    short = [*sentences * SENTENCES_SHOWN, *pairs]
    examples = TrainingExamples(vocabulary, reviews, short, shown.labels, recipe.seed)
    batching_ = batching(recipe, examples.counted)
    network.model.compile(
        optimizer(recipe, batching_),
        keras.losses.CategoricalCrossentropy(label_smoothing=LABEL_SMOOTHING),
        metrics=["accuracy"],
        # Compiling takes a minute; then each step is several times as fast.
        jit_compile=not recipe.quick,
    )
    chosen_by = joined(data.reviews.validation, data.sentences.validation)
    validation_ids = cut(vectorizer.all_token_ids(chosen_by.texts))
    history = fit(
        network.model,
        examples.batches(batching_.size),
        recipe,
        batching_,
        batches(validation_ids, chosen_by.labels, BATCH),
    )
    return network, history


def _calibrate(trained: TrainedNetwork, vectorizer: Vectorizer, data: Texts) -> LengthCalibration:
    """Calibrate the probabilities."""
    answer = tf.function(trained, reduce_retracing=True)

    def judged(reviews: Reviews) -> Judged:
        rows = cut(vectorizer.all_token_ids(reviews.texts))
        tokens = np.array([len(row) for row in rows])
        return Judged(judge(answer, rows), reviews.labels, tokens)

    parts = [data.reviews.validation, data.sentences.validation, data.pairs.validation]
    found = calibration.fit([judged(part) for part in parts])
    trained.calibrate(found)
    return found
