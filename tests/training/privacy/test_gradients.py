"""Clipped gradients of a batch, beside those of its examples one by one."""

from collections.abc import Callable

import keras
import numpy as np
import pytest
import tensorflow as tf

from training.errors import TrainingError
from training.image_classifier.networks import (
    private_clothes_cnn,
    private_cnn,
    reference_cnn,
    residual_cnn,
)
from training.privacy.gradients import check, clipped_sum


def colour_cnn() -> keras.Sequential:
    """With three channels, strides that differ, and ends that are left over."""
    return keras.Sequential(
        [
            keras.Input((28, 28, 3)),
            keras.layers.Conv2D(4, (3, 5), (2, 3), "same", activation="relu"),
            keras.layers.Conv2D(5, 2, activation="sigmoid"),
            keras.layers.Flatten(),
            keras.layers.Dense(10, activation="softmax"),
        ]
    )


def one_by_one(
    model: keras.Sequential, images: tf.Tensor, labels: tf.Tensor
) -> list[list[np.ndarray]]:
    """Each example's gradient, by the ordinary way."""
    found = []
    for number in range(len(labels)):
        single = slice(number, number + 1)
        with tf.GradientTape() as tape:
            probabilities = model(images[single])
            loss = keras.losses.sparse_categorical_crossentropy(labels[single], probabilities)
        gradient = tape.gradient(loss, [each.value for each in model.trainable_variables])
        found.append([each.numpy() for each in gradient])
    return found


def clipped(gradient: list[np.ndarray], clip_norm: float) -> list[np.ndarray]:
    norm = np.sqrt(sum(np.square(each).sum() for each in gradient))
    return [each * min(1, clip_norm / norm) for each in gradient]


@pytest.mark.parametrize("build", [private_cnn, private_clothes_cnn, reference_cnn, colour_cnn])
def test_the_sum_is_that_of_the_examples_one_by_one(build: Callable[[], keras.Sequential]) -> None:
    """Of the clip norms one shortens all gradients, one some, one none."""
    keras.utils.set_random_seed(0)
    model = build()
    random = np.random.default_rng(0)
    images = tf.constant(random.random((6, *model.input_shape[1:]), np.float32))
    labels = tf.constant(random.integers(0, 10, 6))
    each_alone = one_by_one(model, images, labels)
    for clip_norm in (0.1, 2.5, 1e6):
        found = clipped_sum(model, images, labels, clip_norm)
        parts = zip(*(clipped(gradient, clip_norm) for gradient in each_alone), strict=True)
        for tensor, part in zip(found, parts, strict=True):
            np.testing.assert_allclose(tensor, sum(part), rtol=1e-3, atol=1e-5)


def test_no_example_moves_the_sum_further_than_the_clip_norm() -> None:
    model = private_cnn()
    model.set_weights([weights * 10 for weights in model.get_weights()])
    random = np.random.default_rng(0)
    images = tf.constant(random.random((5, 28, 28, 1), np.float32))
    labels = tf.constant(random.integers(0, 10, 5))
    with_all = clipped_sum(model, images, labels, 0.5)
    without_last = clipped_sum(model, images[:-1], labels[:-1], 0.5)
    moved = [a - b for a, b in zip(with_all, without_last, strict=True)]
    assert float(tf.linalg.global_norm(moved)) <= 0.5 * 1.001


@pytest.mark.parametrize(
    "layer",
    [
        keras.layers.BatchNormalization(),
        keras.layers.Conv2D(4, 3, dilation_rate=2),
        keras.layers.Conv2D(4, 3, groups=2),
        keras.layers.Conv2D(4, 3, use_bias=False),
    ],
)
def test_a_layer_whose_gradients_are_not_known_is_refused(layer: keras.layers.Layer) -> None:
    model = keras.Sequential([keras.Input((8, 8, 2)), layer])
    with pytest.raises(TrainingError, match=layer.name):
        check(model)


def test_the_networks_for_private_training_are_known() -> None:
    for model in (private_cnn(), private_clothes_cnn()):
        check(model)
        assert model.count_params() == 26_010
    with pytest.raises(TrainingError):
        check(residual_cnn())
