"""From texts to what the networks are trained with."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from training.data import lexicon, word_vectors
from training.data.imdb import Reviews, joined
from training.data.word_vectors import WordVectors
from training.sentiment.examples import cut
from training.sentiment.features import word_features
from training.sentiment.texts import Texts
from training.sentiment.vectorizer import Vectorizer
from training.sentiment.vocabulary import Vocabulary, learn_vocabulary

WORDS = 10_000
PHRASES = 14_000
OTHER_WORDS = 30_000
"""The most frequent words of GloVe are known as well, ..."""

WORD = re.compile(r"[^\W\d_][\w']*")
"""... if they look like this."""

SENTENCES_SHOWN = 2
"""How often each Rotten Tomatoes sentence is shown in an epoch."""

WRITTEN_SHOWN = 4
"""How often each text of the written pairs is shown."""


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


@dataclass(frozen=True)
class Prepared:
    """Token ids are int32 [tokens] for each text; labels are int64 [texts]."""

    vocabulary: Vocabulary
    vectorizer: Vectorizer
    features: np.ndarray
    """float32 [words, features]."""
    reviews: list[np.ndarray]
    short: list[np.ndarray]
    """Sentences and contrast pairs."""
    labels: np.ndarray
    """Of the reviews, then of the short texts."""
    validation: list[np.ndarray]
    validation_labels: np.ndarray


def load_knowledge() -> Knowledge:
    """GloVe's vectors and VADER's lexicon, from the cache or fetched.

    Raises:
        TrainingError: they can't be fetched or cached; the message says what to do.
    """
    return Knowledge(word_vectors.load(), lexicon.load())


def learned_from(data: Texts) -> Reviews:
    """The texts that the vocabulary is counted in."""
    return joined(data.reviews.train, data.sentences.train, data.written.train)


def prepare(data: Texts, known: Knowledge, seed: int) -> Prepared:
    """Count the words, find out what is known about them, and turn all texts into token ids."""
    counted = learned_from(data)
    vocabulary = learn_vocabulary(counted.texts, counted.labels, WORDS, PHRASES, known.words)
    vectorizer = Vectorizer(vocabulary)
    reviews = vectorizer.all_token_ids(data.reviews.train.texts)
    sentences = vectorizer.all_token_ids(data.sentences.train.texts)
    pairs = vectorizer.all_token_ids(data.pairs.train.texts)
    written = vectorizer.all_token_ids(data.written.train.texts)
    shown = joined(
        data.reviews.train,
        *[data.sentences.train] * SENTENCES_SHOWN,
        data.pairs.train,
        *[data.written.train] * WRITTEN_SHOWN,
    )
    validation = joined(data.reviews.validation, data.sentences.validation)
    return Prepared(
        vocabulary,
        vectorizer,
        word_features(vocabulary, reviews + sentences, known.glove, known.ratings, seed),
        reviews,
        [*sentences * SENTENCES_SHOWN, *pairs, *written * WRITTEN_SHOWN],
        shown.labels,
        cut(vectorizer.all_token_ids(validation.texts)),
        validation.labels,
    )
