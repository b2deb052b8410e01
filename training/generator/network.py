"""The two networks: one makes digits from noise and a label, the other tells them from real ones.

The generator's layers are normalized over the batch, with a scale and an offset of each class (de
Vries et al., 2017); the discriminator's judgement has a part that is a projection on the class
(Miyato and Koyama, "cGANs with Projection Discriminator", 2018).
"""

import keras
import tensorflow as tf
from keras import layers

NOISE = 64
"""How many standard normal numbers a picture is made from."""
CLASSES = 10
LABEL_CODE = 32
WIDTHS = (32, 16, 8)
"""Of the generator's layers on 7 x 7, 14 x 14 and 28 x 28 pixels."""
JUDGING_WIDTHS = (16, 32, 64)
"""Of the discriminator's on 14 x 14, 7 x 7 and 4 x 4 pixels."""
SEEN = 128
"""How many numbers the discriminator judges a picture by."""
SLOPE = 0.2
"""Of the discriminator's rectified units, where they are negative."""


def build_generator(dtype: str = "float32") -> keras.Model:
    """Labels int32 [n] and noise [n, 64] to pixels in 0..1 [n, 28, 28, 1].

    Args:
        dtype: of the weights, of the noise, of all that is computed, and of the pixels.
    """
    coarse, middle, fine = WIDTHS
    label = keras.Input((), dtype="int32", name="label")
    noise = keras.Input((NOISE,), dtype=dtype, name="noise")
    code = layers.Embedding(CLASSES, LABEL_CODE, dtype=dtype)(label)
    given = layers.Concatenate(dtype=dtype)([noise, code])
    tensor = layers.Dense(7 * 7 * coarse, use_bias=False, dtype=dtype)(given)
    tensor = layers.Reshape((7, 7, coarse), dtype=dtype)(tensor)
    for layer in (
        layers.Conv2D(coarse, 3, padding="same", use_bias=False, dtype=dtype),
        layers.Conv2DTranspose(middle, 4, 2, "same", use_bias=False, dtype=dtype),
        layers.Conv2D(middle, 3, padding="same", use_bias=False, dtype=dtype),
        layers.Conv2DTranspose(fine, 4, 2, "same", use_bias=False, dtype=dtype),
        layers.Conv2D(1, 3, padding="same", activation="sigmoid", dtype=dtype),
    ):
        tensor = layer(ClassNormalization(dtype=dtype)(tensor, label))
    return keras.Model([label, noise], tensor, name="generator")


class ClassNormalization(layers.Layer):  # type: ignore[misc]
    """Normalizes over the batch, scales and moves as the class has it, and rectifies."""

    def build(self, shape: tuple[int | None, ...]) -> None:
        """Make the weights for pictures [n, height, width, channels]."""
        dtype, channels = self.dtype_policy, shape[-1]
        self.normalization = layers.BatchNormalization(center=False, scale=False, dtype=dtype)
        self.scales = layers.Embedding(CLASSES, channels, "ones", dtype=dtype)
        self.offsets = layers.Embedding(CLASSES, channels, "zeros", dtype=dtype)
        self.normalization.build(shape)
        self.scales.build()
        self.offsets.build()

    def call(
        self, tensor: tf.Tensor, label: tf.Tensor, *, training: bool | None = None
    ) -> tf.Tensor:
        """Pictures of features [n, height, width, channels] of the classes [n]."""
        scale = self.scales(label)[:, None, None]
        offset = self.offsets(label)[:, None, None]
        return keras.ops.relu(scale * self.normalization(tensor, training=training) + offset)


def build_discriminator() -> keras.Model:
    """Labels int32 [n] and pixels in 0..1 [n, 28, 28, 1] to scores [n]: high for real ones."""
    label = keras.Input((), dtype="int32", name="label")
    pixels = keras.Input((28, 28, 1), name="pixels")
    tensor = pixels
    for width in JUDGING_WIDTHS:
        tensor = layers.Conv2D(width, 4, 2, "same")(tensor)
        tensor = layers.LeakyReLU(SLOPE)(tensor)
    seen = layers.Dense(SEEN)(layers.Flatten()(tensor))
    seen = layers.LeakyReLU(SLOPE)(seen)
    real = layers.Dense(1)(seen)
    projection = layers.Dot(1)([layers.Embedding(CLASSES, SEEN)(label), seen])
    score = layers.Reshape(())(layers.Add()([real, projection]))
    return keras.Model([label, pixels], score, name="discriminator")
