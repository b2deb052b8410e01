"""The networks: pixels in 0..1 to ten probabilities."""

import keras
import tensorflow as tf

WIDTHS = (16, 32, 64)
BLOCKS = 3
"""Blocks of each width in the residual network."""


def reference_cnn() -> keras.Model:
    """The reference CNN, for grey pictures of 28 x 28: 34,826 parameters."""
    return keras.Sequential([keras.Input((28, 28, 1)), *_reference_layers()])


def clothes_cnn() -> keras.Model:
    """The reference CNN for clothes, on any ground."""
    return keras.Sequential([keras.Input((28, 28, 1)), LightOnDark(), *_reference_layers()])


def _reference_layers() -> list[keras.Layer]:
    return [
        keras.layers.Conv2D(32, 3, activation="relu"),
        keras.layers.MaxPooling2D(2),
        keras.layers.Conv2D(64, 3, activation="relu"),
        keras.layers.MaxPooling2D(2),
        keras.layers.Flatten(),
        keras.layers.Dense(10, activation="softmax"),
    ]


def private_cnn() -> keras.Sequential:
    """A CNN for private training, for grey pictures of 28 x 28: 26,010 parameters.

    With tanh the gradients stay short, and clipping changes them less (Papernot, Thakurta, Song,
    Chien, Erlingsson, "Tempered Sigmoid Activations for Deep Learning with Differential Privacy",
    2021). The fewer weights, the less noise in all.
    """
    return keras.Sequential([keras.Input((28, 28, 1)), *_private_layers()])


def private_clothes_cnn() -> keras.Sequential:
    """The same for clothes, on any ground."""
    return keras.Sequential([keras.Input((28, 28, 1)), LightOnDark(), *_private_layers()])


def _private_layers() -> list[keras.Layer]:
    """They scale pixels to a mean of about 0 and a deviation of about 1, by round numbers."""
    return [
        keras.layers.Rescaling(3.0, -0.4),
        keras.layers.Conv2D(16, 8, 2, "same", activation="tanh"),
        keras.layers.MaxPooling2D(2, 1),
        keras.layers.Conv2D(32, 4, 2, activation="tanh"),
        keras.layers.MaxPooling2D(2, 1),
        keras.layers.Flatten(),
        keras.layers.Dense(32, activation="tanh"),
        keras.layers.Dense(10, activation="softmax"),
    ]


class LightOnDark(keras.layers.Layer):  # type: ignore[misc]
    """Turns a picture with light corners into its negative: float [n, height, width, 1], 0..1.

    So Fashion-MNIST was made of photos on a white ground (Xiao, Rasul, Vollgraf, 2017, section 2).
    Its own pictures all have dark corners, and stay as they are.
    """

    def call(self, pictures: tf.Tensor) -> tf.Tensor:
        """The pictures, light on dark."""
        height, width = pictures.shape[1], pictures.shape[2]
        corners = pictures[:, :: height - 1, :: width - 1]
        is_light = tf.reduce_mean(corners, [1, 2, 3], keepdims=True) > 0.5
        return tf.where(is_light, 1.0 - pictures, pictures)


def residual_cnn() -> keras.Model:
    """A residual network of 20 layers, for colour pictures of 32 x 32: 275,000 parameters.

    He, Zhang, Ren, Sun, "Deep Residual Learning for Image Recognition", 2016, section 4.2.
    """
    picture = keras.Input((32, 32, 3))
    tensor = keras.layers.ReLU()(_convolution(picture, WIDTHS[0]))
    for width in WIDTHS:
        for number in range(BLOCKS):
            tensor = _block(tensor, width, strides=2 if number == 0 and width > WIDTHS[0] else 1)
    pooled = keras.layers.GlobalAveragePooling2D()(tensor)
    return keras.Model(picture, keras.layers.Dense(10, activation="softmax")(pooled))


def _block(tensor: keras.KerasTensor, width: int, strides: int) -> keras.KerasTensor:
    """Two convolutions, whose result is added to what came in."""
    added = keras.layers.ReLU()(_convolution(tensor, width, strides=strides))
    added = _convolution(added, width)
    if strides > 1:
        tensor = _convolution(tensor, width, size=1, strides=strides)
    return keras.layers.ReLU()(keras.layers.Add()([tensor, added]))


def _convolution(
    tensor: keras.KerasTensor, width: int, size: int = 3, strides: int = 1
) -> keras.KerasTensor:
    """A convolution, normalized over the batch (Ioffe and Szegedy, 2015)."""
    convolved = keras.layers.Conv2D(
        width, size, strides, "same", use_bias=False, kernel_initializer="he_normal"
    )(tensor)
    return keras.layers.BatchNormalization(momentum=0.9)(convolved)
