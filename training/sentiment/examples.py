"""The training examples: whole reviews and pieces of them, in batches of similar length.

Pieces, from a sentence to half a review, keep their review's label. The network learns from them to
judge short texts.
"""

import math
from collections.abc import Callable, Iterator, Sequence

import numpy as np
import tensorflow as tf

from training.sentiment.vectorizer import HEAD_SHARE
from training.sentiment.vocabulary import PADDING, Vocabulary

LENGTH_BUCKETS = [16, 32, 64, 128, 256]
MAX_TOKENS = LENGTH_BUCKETS[-1]
HEAD_TOKENS = MAX_TOKENS // HEAD_SHARE

SENTENCES = 0.25
PASSAGES = 0.25
"""Shares of the reviews that are shown as a sentence or as a passage; the others are whole."""

SHORTEST_SENTENCE = 5
LONGEST_SENTENCE = 64
SHORTEST_PASSAGE = 48
LONGEST_PASSAGE = 200

SHORT = 32
"""Length buckets up to this one have larger batches, ..."""

SHORT_SIZE = 2
"""... this many times as large."""


def cut(token_ids: Sequence[np.ndarray], max_tokens: int = MAX_TOKENS) -> list[np.ndarray]:
    """Head and tail of each text, as `head_and_tail` takes them in the graph."""
    head = max_tokens // HEAD_SHARE
    return [
        row if len(row) <= max_tokens else np.concatenate([row[:head], row[head - max_tokens :]])
        for row in token_ids
    ]


def padded(rows: Sequence[np.ndarray]) -> np.ndarray:
    """Rows padded with 0 to the length bucket that holds the longest: int32 [n, tokens]."""
    longest = max(len(row) for row in rows)
    width = next((bucket for bucket in LENGTH_BUCKETS if longest <= bucket), longest)
    matrix = np.full((len(rows), width), PADDING, np.int32)
    for row, line in zip(rows, matrix, strict=True):
        line[: len(row)] = row
    return matrix


def one_hot(labels: np.ndarray) -> np.ndarray:
    """Int [n] to float32 [n, 2]."""
    matrix: np.ndarray = np.eye(2, dtype=np.float32)[labels]
    return matrix


def batches(rows: Sequence[np.ndarray], labels: np.ndarray, size: int) -> tf.data.Dataset:
    """All rows, the shortest first: (int32 [size, tokens], float32 [size, 2])."""
    order = np.argsort([len(row) for row in rows], kind="stable")

    def generate() -> Iterator[tuple[np.ndarray, np.ndarray]]:
        for start in range(0, len(order), size):
            chosen = order[start : start + size]
            yield padded([rows[index] for index in chosen]), one_hot(labels[chosen])

    count = math.ceil(len(order) / size)
    return _dataset(generate).apply(tf.data.experimental.assert_cardinality(count))


class TrainingExamples:
    """Reviews, with new random pieces in each epoch, and short texts, which stay as they are."""

    def __init__(
        self,
        vocabulary: Vocabulary,
        reviews: Sequence[np.ndarray],
        short: Sequence[np.ndarray],
        labels: np.ndarray,
        seed: int,
    ) -> None:
        """`labels`: of the reviews, then of the short texts."""
        self.reviews = reviews
        self.whole = cut([*reviews, *short])
        self.labels = labels
        ends = vocabulary.sentence_ends
        self.starts = [
            np.concatenate([[0], np.flatnonzero(np.isin(review, ends)) + 1]) for review in reviews
        ]
        self.random = np.random.default_rng(seed)

    @property
    def counted(self) -> int:
        """How many examples an epoch has, where `SHORT_SIZE` short ones count as one."""
        long = round(len(self.reviews) * (1 - SENTENCES))
        return long + (len(self.whole) - long) // SHORT_SIZE

    def batches(self, size: int) -> tf.data.Dataset:
        """Endless batches, each of one length bucket: (int32 [n, tokens], float32 [n, 2]).

        n is `size`, for short texts `SHORT_SIZE` times as much: they cost less and say less.
        """
        return _dataset(lambda: self._generate(size))

    def _generate(self, size: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        waiting: dict[int, list[tuple[np.ndarray, int]]] = {each: [] for each in LENGTH_BUCKETS}
        while True:
            for index in self.random.permutation(len(self.whole)):
                piece = self.piece(index)
                bucket = next(each for each in LENGTH_BUCKETS if len(piece) <= each)
                waiting[bucket].append((piece, self.labels[index]))
                if len(waiting[bucket]) == (SHORT_SIZE * size if bucket <= SHORT else size):
                    pieces, labels = zip(*waiting[bucket], strict=True)
                    waiting[bucket] = []
                    yield padded(pieces), one_hot(np.array(labels))

    def piece(self, index: int) -> np.ndarray:
        """A review's head and tail, or a sentence or a passage of it; or a short text."""
        if index >= len(self.reviews):
            return self.whole[index]
        draw = self.random.random()
        if draw < SENTENCES:
            return self._sentence(index)
        return self._passage(index) if draw < SENTENCES + PASSAGES else self.whole[index]

    def _sentence(self, index: int) -> np.ndarray:
        """A sentence, or several if the first ones are very short."""
        start = self._start(index)
        ends = self.starts[index][self.starts[index] >= start + SHORTEST_SENTENCE]
        end = ends[0] if len(ends) else len(self.reviews[index])
        return self.reviews[index][start : min(end, start + LONGEST_SENTENCE)]

    def _passage(self, index: int) -> np.ndarray:
        start = self._start(index)
        length = self.random.integers(SHORTEST_PASSAGE, LONGEST_PASSAGE)
        return self.reviews[index][start : start + length]

    def _start(self, index: int) -> int:
        starts = self.starts[index]
        start = int(self.random.choice(starts))
        return start if start + SHORTEST_SENTENCE <= len(self.reviews[index]) else int(starts[0])


def _dataset(generate: Callable[[], Iterator[tuple[np.ndarray, np.ndarray]]]) -> tf.data.Dataset:
    specs = (tf.TensorSpec([None, None], tf.int32), tf.TensorSpec([None, 2], tf.float32))
    return tf.data.Dataset.from_generator(generate, output_signature=specs).prefetch(4)
