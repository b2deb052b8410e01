"""Text to token ids inside the graph."""

from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from training.sentiment.misspellings import misspellings
from training.sentiment.vocabulary import FIRST_WORD, PADDING, UNKNOWN, Vocabulary
from training.sentiment.words import split_words

MISSING = -1
BATCH = 1000
HEAD_SHARE = 4
"""One in this many tokens of a long text is from its start, the others are from its end: the end of
a review says more about its verdict than the beginning."""


class Vectorizer:
    """Gives each word of a text the id of the longest known phrase that ends with it.

    So "it was not good" becomes the ids of "it", "was", "was not" and "not good", if the vocabulary
    has these phrases: there is one token per word. Frequent misspellings count as their words.
    """

    def __init__(self, vocabulary: Vocabulary) -> None:
        self.base = tf.constant(vocabulary.base, tf.int64)
        meant = misspellings(vocabulary)
        words = [*vocabulary.words, *meant]
        ids = np.array([*range(FIRST_WORD, vocabulary.base), *meant.values()])
        phrases = np.arange(vocabulary.base, vocabulary.base + len(vocabulary.phrases))
        self.words = _table(words, ids, tf.string, UNKNOWN)
        self.phrases = _table(vocabulary.phrases, phrases, tf.int64, MISSING)

    @property
    def tables(self) -> list[tf.lookup.StaticHashTable]:
        """Resources to save with the graph."""
        return [self.words, self.phrases]

    def token_ids(self, texts: tf.Tensor | Sequence[str]) -> tuple[tf.Tensor, tf.Tensor]:
        """All tokens of texts [n], padded on the right: int32 [n, tokens]; and counts int32 [n]."""
        split = split_words(texts)
        words = self.words.lookup(split).to_tensor(PADDING)
        before, before_that = _shifted(words, 1), _shifted(words, 2)
        pair = before * self.base + words
        triple = before_that * self.base**2 + pair
        ids = _first_found(self.phrases.lookup(triple), self.phrases.lookup(pair), words)
        return tf.cast(ids, tf.int32), tf.cast(split.row_lengths(), tf.int32)

    def all_token_ids(self, texts: Sequence[str]) -> list[np.ndarray]:
        """The tokens of many texts: n arrays int32 [tokens]."""
        rows: list[np.ndarray] = []
        for start in range(0, len(texts), BATCH):
            ids, counts = (part.numpy() for part in self.token_ids(texts[start : start + BATCH]))
            rows.extend(row[:count] for row, count in zip(ids, counts, strict=True))
        return rows


def head_and_tail(token_ids: tf.Tensor, counts: tf.Tensor, max_tokens: int) -> tf.Tensor:
    """The first quarter and the last three quarters of `max_tokens`, where there are more.

    Args:
        token_ids: int32 [n, tokens], padded on the right.
        counts: int32 [n], without the padding.
        max_tokens: to be left of each row.

    Returns:
        int32 [n, tokens], at least one and at most `max_tokens` wide.
    """
    # A batch of only empty texts still has one column, of padding.
    token_ids = tf.pad(token_ids, [[0, 0], [0, 1]], constant_values=PADDING)
    width = tf.clip_by_value(tf.reduce_max(counts), 1, max_tokens)
    position = tf.range(width)[tf.newaxis]
    left_out = tf.maximum(counts - max_tokens, 0)[:, tf.newaxis]
    source = tf.where(position < max_tokens // HEAD_SHARE, position, position + left_out)
    return tf.gather(token_ids, source, batch_dims=1)


def _table(
    keys: list[bytes] | np.ndarray, values: np.ndarray, dtype: tf.DType, default: int
) -> tf.lookup.StaticHashTable:
    pairs = tf.lookup.KeyValueTensorInitializer(tf.constant(keys, dtype), values, dtype, tf.int64)
    return tf.lookup.StaticHashTable(pairs, default)


def _shifted(words: tf.Tensor, by: int) -> tf.Tensor:
    """Each word's `by`-th predecessor, or padding if there is none: [n, tokens]."""
    return tf.pad(words, [[0, 0], [by, 0]])[:, : tf.shape(words)[1]]


def _first_found(*ids: tf.Tensor) -> tf.Tensor:
    *tried, found = ids
    for each in reversed(tried):
        found = tf.where(each == MISSING, found, each)
    return found
