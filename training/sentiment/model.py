"""The network: token vectors, a bidirectional LSTM, and pooling over its states."""

from typing import Any

import keras
import numpy as np
import tensorflow as tf

from training.sentiment.pretraining import clipped_ratios
from training.sentiment.vocabulary import PADDING, UNKNOWN, Vocabulary

DIMENSIONS = 64
"""Size of the token vectors."""

UNITS = 64
"""Units of the LSTM in each direction."""

WORD_DROPOUT = 0.1
PHRASE_DROPOUT = 0.2
VECTOR_DROPOUT = 0.2
STATE_DROPOUT = 0.5

HYPERPARAMETERS: dict[str, str | int | float | bool] = {
    "dimensions": DIMENSIONS,
    "units": UNITS,
    "word_dropout": WORD_DROPOUT,
    "phrase_dropout": PHRASE_DROPOUT,
    "vector_dropout": VECTOR_DROPOUT,
    "state_dropout": STATE_DROPOUT,
}
"""All of these sizes, for the card."""


class WordDropout(keras.layers.Layer):  # type: ignore[misc]
    """Replaces random words with the unknown word during training (Iyyer et al., 2015)."""

    def __init__(self, share: float, **options: Any) -> None:
        super().__init__(**options)
        self.share = share
        self.random = keras.random.SeedGenerator()

    def call(self, token_ids: tf.Tensor, training: bool = False) -> tf.Tensor:  # noqa: FBT001, FBT002
        """int32 [n, tokens], both in and out."""
        if not training:
            return token_ids
        draw = keras.random.uniform(tf.shape(token_ids), seed=self.random)
        return tf.where((draw < self.share) & (token_ids != PADDING), UNKNOWN, token_ids)


class PhraseVectors(keras.layers.Layer):  # type: ignore[misc]
    """A word has its own vector; a phrase's vector is its last word's plus a correction.

    The corrections are dropped at random during training, so that a phrase stays similar to its
    last word, and rare phrases learn little.
    """

    def __init__(self, vocabulary: Vocabulary, word_vectors: np.ndarray, **options: Any) -> None:
        super().__init__(**options)
        self.last_words = tf.constant(vocabulary.last_words)
        self.word_vectors = self._weights_from(word_vectors, "word_vectors")
        ratios = clipped_ratios(vocabulary)
        corrections = np.zeros((vocabulary.size, word_vectors.shape[1]), np.float32)
        corrections[:, -1] = ratios - ratios[vocabulary.last_words]
        self.corrections = self._weights_from(corrections, "corrections")
        self.random = keras.random.SeedGenerator()

    def _weights_from(self, values: np.ndarray, name: str) -> keras.Variable:
        weights = self.add_weight(shape=values.shape, name=name)
        weights.assign(values)
        return weights

    def call(self, token_ids: tf.Tensor, training: bool = False) -> tf.Tensor:  # noqa: FBT001, FBT002
        """int32 [n, tokens] to float32 [n, tokens, dimensions]."""
        corrections = tf.gather(self.corrections, token_ids)
        if training:
            draw = keras.random.uniform(tf.shape(token_ids), seed=self.random)
            corrections *= tf.cast(draw >= PHRASE_DROPOUT, tf.float32)[..., tf.newaxis]
        return tf.gather(self.word_vectors, tf.gather(self.last_words, token_ids)) + corrections

    def all_vectors(self) -> np.ndarray:
        """The vectors of all tokens for the trained model; the padding's is 0.

        Returns:
            float32 [tokens, dimensions].
        """
        words = self.word_vectors.numpy()[self.last_words.numpy()]
        vectors: np.ndarray = words + self.corrections.numpy()
        vectors[PADDING] = 0
        return vectors


class ReadBothWays(keras.layers.Layer):  # type: ignore[misc]
    """A bidirectional LSTM over texts padded on the right, and its states' maximum and mean.

    Each direction starts at one end of the text and reads the padding last, so no state of the text
    depends on the padding. The recurrence then needs no mask, which makes it fast. Maximum and mean
    don't depend on the order, so the second direction needn't be reversed back.
    """

    def __init__(self, units: int, **options: Any) -> None:
        super().__init__(**options)
        self.forward = keras.layers.LSTM(units, return_sequences=True)
        self.backward = keras.layers.LSTM(units, return_sequences=True)

    def build(self, shape: tuple[int | None, ...]) -> None:
        """Create the weights."""
        self.forward.build(shape)
        self.backward.build(shape)
        super().build(shape)

    def call(self, vectors: tf.Tensor, token_ids: tf.Tensor) -> tf.Tensor:
        """float32 [n, tokens, dimensions], int32 [n, tokens] to float32 [n, 4 units]."""
        mask = tf.cast(token_ids != PADDING, tf.float32)[..., tf.newaxis]
        lengths = tf.reduce_sum(mask, axis=1)
        vectors *= mask
        turned = tf.reverse_sequence(vectors, tf.cast(lengths[:, 0], tf.int32), seq_axis=1)
        states = tf.concat([self.forward(vectors), self.backward(turned)], axis=-1)
        # States are within -1..1, so padding at -1 is never above one of the text.
        highest = tf.reduce_max(states * mask - (1 - mask), axis=1)
        mean = tf.reduce_sum(states * mask, axis=1) / tf.maximum(lengths, 1)
        return tf.concat([highest, mean], axis=-1)


class SentimentNetwork:
    """The layers, connected for training; `TrainedNetwork` connects them for serving."""

    def __init__(self, vocabulary: Vocabulary, word_vectors: np.ndarray) -> None:
        self.vectors = PhraseVectors(vocabulary, word_vectors)
        self.reader = ReadBothWays(UNITS)
        self.verdict = keras.layers.Dense(2, activation="softmax")
        token_ids = keras.Input((None,), dtype="int32")
        dropped = WordDropout(WORD_DROPOUT)(token_ids)
        vectors = keras.layers.SpatialDropout1D(VECTOR_DROPOUT)(self.vectors(dropped))
        states = keras.layers.Dropout(STATE_DROPOUT)(self.reader(vectors, token_ids))
        self.model = keras.Model(token_ids, self.verdict(states))
        """int32 [n, tokens] to probabilities float32 [n, 2]."""


class TrainedNetwork:
    """What is served: the same layers, with token vectors that are stored in 8 bits per number."""

    def __init__(self, network: SentimentNetwork) -> None:
        vectors = network.vectors.all_vectors()
        scale = np.abs(vectors).max(axis=0) / np.iinfo(np.int8).max
        table = np.rint(vectors / scale).astype(np.int8)
        self.table = tf.Variable(table, trainable=False, name="vectors")
        self.scale = tf.Variable(scale, trainable=False, name="scale")
        self.reader = network.reader
        self.verdict = network.verdict

    @property
    def variables(self) -> list[tf.Variable]:
        """All variables to save."""
        weights = [*self.reader.weights, *self.verdict.weights]
        return [self.table, self.scale, *(weight.value for weight in weights)]

    def __call__(self, token_ids: tf.Tensor) -> tf.Tensor:
        """int32 [n, tokens], padded on the right with 0, to probabilities float32 [n, 2]."""
        vectors = tf.cast(tf.gather(self.table, token_ids), tf.float32) * self.scale
        return self.verdict(self.reader(vectors, token_ids))

    def cool(self, temperature: float) -> None:
        """Divide the logits by the temperature, by scaling the last layer's weights."""
        self.verdict.set_weights([each / temperature for each in self.verdict.get_weights()])
