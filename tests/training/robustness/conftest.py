"""A small network that knows the bars, and pictures of bars that it recognizes."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tests.training.conftest import bars
from training.data.images import Images
from training.image_classifier.learning import pixels
from training.robustness.gradient_attacks import Logits
from training.robustness.network import logits_of


def small_network() -> keras.Model:
    return keras.Sequential(
        [
            keras.Input((28, 28, 1)),
            keras.layers.Conv2D(8, 3, strides=2, activation="relu"),
            keras.layers.Flatten(),
            keras.layers.Dense(10, activation="softmax"),
        ]
    )


@pytest.fixture(scope="package")
def network() -> keras.Model:
    """Trained on bars; it is right nearly always."""
    keras.utils.set_random_seed(0)
    model = small_network()
    model.compile(keras.optimizers.Adam(3e-3), "sparse_categorical_crossentropy")
    examples = bars(600, seed=1)
    model.fit(pixels(examples.images), examples.labels, 32, epochs=5, verbose=0)
    return model


@pytest.fixture
def logits(network: keras.Model) -> Logits:
    return logits_of(network)


@pytest.fixture(scope="package")
def examples() -> Images:
    return bars(60, seed=3)


@pytest.fixture
def pictures(examples: Images) -> np.ndarray:
    """The examples as float32 in 0..1."""
    return pixels(examples.images)


def accuracy(logits: Logits, pictures: np.ndarray, examples: Images) -> float:
    """How many of the pictures, which were made of the examples, are recognized."""
    answers = np.asarray(logits(tf.constant(pictures)))
    return float(np.mean(answers.argmax(axis=1) == examples.labels))
