"""Trials of the classifiers of pictures."""

from collections.abc import Sequence
from typing import Literal

import keras
import numpy as np
import tensorflow as tf

from training import augmentation, metrics
from training.data.images import ImageDataset, Images
from training.image_classifier.classifier import ImageClassifier
from training.image_classifier.learning import augment, pixels
from training.trials.descent import Descent, Report
from training.trials.networks import with_activation, with_dropout
from training.trials.settings import Length, Settings
from training.trials.subject import Told

ASKED_AT_ONCE = 500

MEASURE = "val_accuracy"

VALIDATION_SHARE = 0.5
"""Validation pictures for each training picture."""


class ClassifierTrials:
    """Trains a classifier with other settings; see `Subject`."""

    measure = "accuracy"
    direction: Literal["maximize", "minimize"] = "maximize"
    adjustable: Sequence[str] = (
        "optimizer",
        "learning_rate",
        "batch_size",
        "activation",
        "dropout",
        "weight_decay",
        "label_smoothing",
        "augmentation",
    )
    smallest_batch = 1

    def __init__(self, classifier: ImageClassifier, data: ImageDataset) -> None:
        self.name = classifier.name
        self.classifier = classifier
        self.data = data

    def train(
        self, settings: Settings, length: Length, seed: int, tell: Told
    ) -> tuple[keras.Model, float]:
        """See `Subject`."""
        chosen = self.data.validation[: round(length.examples * VALIDATION_SHARE)]
        validation = tf.data.Dataset.from_tensor_slices(
            (pixels(chosen.images), self._one_hot(chosen.labels))
        )
        model, figures = self._fit(
            settings,
            length,
            seed,
            validation.batch(ASKED_AT_ONCE),
            lambda number, figures: tell(number, figures[MEASURE]),
        )
        return model, figures[MEASURE]

    def fit(self, settings: Settings, length: Length, seed: int) -> keras.Model:
        """Train without looking at validation data."""
        return self._fit(settings, length, seed, None, lambda _number, _figures: None)[0]

    def test(self, model: keras.Model) -> float:
        """See `Subject`."""
        return metrics.accuracy(self.probabilities(model), self.data.test.labels)

    def probabilities(self, model: keras.Model) -> np.ndarray:
        """float32 [n, classes] for the test pictures."""
        return answers(model, self.data.test.images)

    def _fit(
        self,
        settings: Settings,
        length: Length,
        seed: int,
        validation: tf.data.Dataset | None,
        report: Report,
    ) -> tuple[keras.Model, dict[str, float]]:
        """The trained network, and Keras's figures at the end."""
        keras.utils.set_random_seed(seed)
        network = with_activation(self.classifier.build_network(), settings.activation)
        model = with_dropout(network, settings.dropout)
        descent = Descent(settings, length)
        model.compile(
            descent.optimizer,
            keras.losses.CategoricalCrossentropy(label_smoothing=settings.label_smoothing),
            metrics=["accuracy"],
            **descent.compiling,
        )
        train = self.data.train[: length.examples]
        batches = self._batches(train, descent.batches.size, settings.augmentation, seed)
        return model, descent.fit(model, batches, validation, report)

    def _batches(self, train: Images, size: int, augmented: float, seed: int) -> tf.data.Dataset:
        def prepared(images: tf.Tensor, labels: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
            images = tf.cast(images, tf.float32) / 255
            if augmented > 0:
                chosen = augmentation.uniform(tf.shape(images)[0], 0.0, 1.0) < augmented
                images = tf.where(chosen, augment(self.classifier, images), images)
            return images, labels

        examples = tf.data.Dataset.from_tensor_slices((train.images, self._one_hot(train.labels)))
        shuffled = examples.shuffle(len(train), seed=seed).batch(size, drop_remainder=True)
        return shuffled.map(prepared, num_parallel_calls=tf.data.AUTOTUNE)

    def _one_hot(self, labels: np.ndarray) -> np.ndarray:
        matrix: np.ndarray = np.eye(len(self.classifier.labels), dtype=np.float32)[labels]
        return matrix


def answers(model: keras.Model, images: np.ndarray) -> np.ndarray:
    """The model's probabilities, float32 [n, classes], for images uint8 [n, ...]."""
    ask = tf.function(lambda batch: model(batch, training=False), reduce_retracing=True)
    parts = [
        ask(pixels(images[start : start + ASKED_AT_ONCE])).numpy()
        for start in range(0, len(images), ASKED_AT_ONCE)
    ]
    return np.concatenate(parts)
