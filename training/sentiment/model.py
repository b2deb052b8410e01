"""The network: token vectors, a bidirectional LSTM, and pooling over its states."""

from typing import Any

import keras
import numpy as np
import tensorflow as tf

from training.sentiment.calibration import UNCALIBRATED, LengthCalibration
from training.sentiment.features import principal_directions
from training.sentiment.pretraining import clipped_ratios
from training.sentiment.vocabulary import FIRST_WORD, PADDING, UNKNOWN, Vocabulary

DIMENSIONS = 64
"""Size of the token vectors."""

UNITS = 64
"""Units of the LSTM in each direction."""

WORD_DROPOUT = 0.1
FULL_DROPOUT = 16
CORRECTION_DROPOUT = 0.4
PHRASE_DROPOUT = 0.2
VECTOR_DROPOUT = 0.3
STATE_DROPOUT = 0.5
SMALLEST = 1e-6
"""A dimension that no token uses has at least this scale."""

HYPERPARAMETERS: dict[str, str | int | float | bool] = {
    "dimensions": DIMENSIONS,
    "units": UNITS,
    "word_dropout": WORD_DROPOUT,
    "correction_dropout": CORRECTION_DROPOUT,
    "phrase_dropout": PHRASE_DROPOUT,
    "vector_dropout": VECTOR_DROPOUT,
    "state_dropout": STATE_DROPOUT,
}
"""All of these sizes, for the card."""


class WordDropout(keras.layers.Layer):  # type: ignore[misc]
    """Replaces random words with the unknown word during training (Iyyer et al., 2015).

    Of texts below `FULL_DROPOUT` tokens fewer are replaced, since each word decides there.
    """

    def __init__(self, share: float, **options: Any) -> None:
        super().__init__(**options)
        self.share = share
        self.random = keras.random.SeedGenerator()

    def call(self, token_ids: tf.Tensor, training: bool = False) -> tf.Tensor:  # noqa: FBT001, FBT002
        """int32 [n, tokens], both in and out."""
        if not training:
            return token_ids
        words = tf.cast(token_ids != PADDING, tf.float32)
        lengths = tf.reduce_sum(words, axis=1, keepdims=True)
        share = self.share * tf.minimum(1.0, lengths / FULL_DROPOUT)
        draw = keras.random.uniform(tf.shape(token_ids), seed=self.random)
        return tf.where(draw < share * words, UNKNOWN, token_ids)


class TokenVectors(keras.layers.Layer):  # type: ignore[misc]
    """A word's vector is a projection of its features, plus a correction of its own.

    A phrase's vector is its last word's, plus a correction. The projection is the same for all
    words, so those that no training text has are learned with the others; they have no correction.
    Corrections are dropped at random during training: words stay similar to what their features
    say, and phrases to their last words.
    """

    def __init__(self, vocabulary: Vocabulary, features: np.ndarray, **options: Any) -> None:
        super().__init__(**options)
        self.base = vocabulary.base
        self.learned = FIRST_WORD + vocabulary.learned
        self.last_words = tf.constant(vocabulary.last_words)
        self.features = self._weights_from(features, "features", trainable=False)
        directions = principal_directions(features, DIMENSIONS)
        self.projection = self._weights_from(directions, "projection")
        words = np.zeros((self.learned, DIMENSIONS), np.float32)
        self.words = self._weights_from(words, "words")
        ratios = clipped_ratios(vocabulary)
        phrases = np.zeros((max(1, vocabulary.size - self.base), DIMENSIONS), np.float32)
        added = (ratios - ratios[vocabulary.last_words])[self.base :]
        phrases[: len(added), -1] = added
        self.phrases = self._weights_from(phrases, "phrases")
        self.random = keras.random.SeedGenerator()

    def _weights_from(
        self, values: np.ndarray, name: str, *, trainable: bool = True
    ) -> keras.Variable:
        weights = self.add_weight(shape=values.shape, name=name, trainable=trainable)
        weights.assign(values)
        return weights

    def call(self, token_ids: tf.Tensor, training: bool = False) -> tf.Tensor:  # noqa: FBT001, FBT002
        """int32 [n, tokens] to float32 [n, tokens, dimensions]."""
        words = tf.gather(self.last_words, token_ids)
        own, phrase = words < self.learned, token_ids >= self.base
        if training:
            own &= self._kept(token_ids, CORRECTION_DROPOUT)
            phrase &= self._kept(token_ids, PHRASE_DROPOUT)
        vectors = tf.matmul(tf.gather(self.features, words), self.projection)
        vectors += _where(own, tf.gather(self.words, tf.minimum(words, self.learned - 1)))
        return vectors + _where(
            phrase, tf.gather(self.phrases, tf.maximum(token_ids - self.base, 0))
        )

    def _kept(self, token_ids: tf.Tensor, dropout: float) -> tf.Tensor:
        return keras.random.uniform(tf.shape(token_ids), seed=self.random) >= dropout

    def all_vectors(self) -> np.ndarray:
        """The vectors of all tokens for the trained model; the padding's is 0.

        Returns:
            float32 [tokens, dimensions].
        """
        count = int(self.last_words.shape[0])
        vectors: np.ndarray = self(tf.range(count)[tf.newaxis])[0].numpy()
        vectors[PADDING] = 0
        return vectors


def _where(chosen: tf.Tensor, vectors: tf.Tensor) -> tf.Tensor:
    """The vectors [n, tokens, dimensions] where `chosen` [n, tokens]; 0 elsewhere."""
    return vectors * tf.cast(chosen, tf.float32)[..., tf.newaxis]


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

    def __init__(self, vocabulary: Vocabulary, features: np.ndarray) -> None:
        self.vectors = TokenVectors(vocabulary, features)
        self.reader = ReadBothWays(UNITS)
        self.verdict = keras.layers.Dense(2, activation="softmax")
        token_ids = keras.Input((None,), dtype="int32")
        dropped = WordDropout(WORD_DROPOUT)(token_ids)
        vectors = keras.layers.SpatialDropout1D(VECTOR_DROPOUT)(self.vectors(dropped))
        states = keras.layers.Dropout(STATE_DROPOUT)(self.reader(vectors, token_ids))
        self.model = keras.Model(token_ids, self.verdict(states))
        """int32 [n, tokens] to probabilities float32 [n, 2]."""


class TrainedNetwork:
    """What is served: the same layers, with token vectors that are stored in 8 bits per number.

    The logits are calibrated by the text's length: see `training.sentiment.calibration`.
    """

    def __init__(self, network: SentimentNetwork) -> None:
        vectors = network.vectors.all_vectors()
        scale = np.maximum(np.abs(vectors).max(axis=0), SMALLEST) / np.iinfo(np.int8).max
        table = np.rint(vectors / scale).astype(np.int8)
        self.table = tf.Variable(table, trainable=False, name="vectors")
        self.scale = tf.Variable(scale, trainable=False, name="scale")
        self.calibration = tf.Variable(UNCALIBRATED, trainable=False, name="calibration")
        self.reader = network.reader
        self.verdict = network.verdict

    @property
    def variables(self) -> list[tf.Variable]:
        """All variables to save."""
        weights = [*self.reader.weights, *self.verdict.weights]
        own = [self.table, self.scale, self.calibration]
        return [*own, *(weight.value for weight in weights)]

    def __call__(self, token_ids: tf.Tensor) -> tf.Tensor:
        """int32 [n, tokens], padded on the right with 0, to probabilities float32 [n, 2]."""
        vectors = tf.cast(tf.gather(self.table, token_ids), tf.float32) * self.scale
        states = self.reader(vectors, token_ids)
        logits = tf.matmul(states, self.verdict.kernel.value) + self.verdict.bias.value
        tokens = tf.reduce_sum(tf.cast(token_ids != PADDING, tf.float32), axis=1, keepdims=True)
        log_tokens = tf.math.log(tf.maximum(tokens, 1))
        return tf.nn.softmax(
            logits * tf.exp(self.calibration[0] + self.calibration[1] * log_tokens)
        )

    def calibrate(self, calibration: LengthCalibration) -> None:
        """Divide the logits by a temperature that depends on the text's length."""
        self.calibration.assign([calibration.sharpness, calibration.by_length])
