"""The two halves of the autoencoder."""

import keras
import tensorflow as tf
from keras import layers

DIMENSIONS = 32
"""Of the code."""


def build_encoder() -> keras.Model:
    """Pixels in 0..1 [n, 28, 28, 1] to codes [n, 32]: 112,328 parameters."""
    return keras.Sequential(
        [
            keras.Input((28, 28, 1)),
            layers.Conv2D(24, 5, 2, "same", activation="relu"),
            layers.Conv2D(24, 3, 1, "same", activation="relu"),
            layers.Conv2D(48, 3, 2, "same", activation="relu"),
            layers.Conv2D(48, 3, 1, "same", activation="relu"),
            layers.Flatten(),
            layers.Dense(DIMENSIONS),
        ],
        name="encoder",
    )


def build_decoder() -> keras.Model:
    """Codes [n, 32] to pixels [n, 28, 28, 1]: 72,100 parameters."""
    return keras.Sequential(
        [
            keras.Input((DIMENSIONS,)),
            layers.Dense(7 * 7 * 32, activation="relu"),
            layers.Reshape((7, 7, 32)),
            layers.Conv2D(32, 3, 1, "same", activation="relu"),
            layers.Conv2DTranspose(16, 4, 2, "same", activation="relu"),
            layers.Conv2D(16, 3, 1, "same", activation="relu"),
            layers.Conv2D(4, 3, 1, "same"),
            layers.Lambda(lambda quarters: tf.nn.depth_to_space(quarters, 2)),
        ],
        name="decoder",
    )
