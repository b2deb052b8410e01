"""Gradients of single examples, limited in their norm and summed.

Abadi et al., "Deep Learning with Differential Privacy", 2016, Algorithm 1. An example's gradient
by a layer's kernel is the product of what goes into the layer and of the loss's gradient by what
comes out. Of a dense layer only its norm is computed (Goodfellow, "Efficient Per-Example Gradient
Computations", 2015); a convolution is a dense layer that is used at each position.
"""

from dataclasses import dataclass

import keras
import tensorflow as tf

from training.errors import TrainingError


@dataclass(frozen=True)
class _Use:
    """How the examples went through a layer."""

    layer: keras.Layer
    inputs: tf.Tensor
    outputs: tf.Tensor
    """Before the activation."""


def check(model: keras.Sequential) -> None:
    """Raise TrainingError if the model has a layer whose gradients aren't known here."""
    for layer in model.layers:
        if layer.weights and not (_is_dense(layer) or _is_plain_convolution(layer)):
            raise TrainingError(
                f"Private training knows dense layers and plain convolutions with a bias, and no "
                f"{type(layer).__name__} ({layer.name}): change the network."
            )


def clipped_sum(
    model: keras.Sequential, images: tf.Tensor, labels: tf.Tensor, clip_norm: float
) -> list[tf.Tensor]:
    """The sum of the examples' gradients, each scaled down to a norm of at most `clip_norm`.

    Args:
        model: one that passes `check`, with a softmax at its end.
        images: float32 [n, height, width, channels].
        labels: integers [n]; the loss is the cross-entropy.
        clip_norm: of the gradient by all weights together.

    Returns:
        A tensor for each of the model's trainable variables, in their order.
    """
    uses, slopes = _backward(model, images, labels)
    rows = [_rows(use.layer, use.inputs) for use in uses]
    norms = tf.sqrt(tf.add_n([_squared_norms(*pair) for pair in zip(rows, slopes, strict=True)]))
    weights = clip_norm / tf.maximum(norms, clip_norm)
    return [
        gradient
        for use, row, slope in zip(uses, rows, slopes, strict=True)
        for gradient in _weighted_sum(use.layer, row, weights[:, None, None] * slope)
    ]


def _backward(
    model: keras.Sequential, images: tf.Tensor, labels: tf.Tensor
) -> tuple[list[_Use], list[tf.Tensor]]:
    """Each layer's use, and each example's gradient by its outputs: [n, positions, channels]."""
    uses = []
    tensor = images
    with tf.GradientTape(watch_accessed_variables=False) as tape:
        tape.watch(images)
        for layer in model.layers:
            if layer.weights:
                outputs = _linear(layer, tensor)
                uses.append(_Use(layer, tensor, outputs))
                tensor = layer.activation(outputs)
            else:
                tensor = layer(tensor)
        loss = tf.nn.sparse_softmax_cross_entropy_with_logits(labels, uses[-1].outputs)
    slopes = tape.gradient(loss, [use.outputs for use in uses])
    return uses, [tf.reshape(each, [tf.shape(each)[0], -1, each.shape[-1]]) for each in slopes]


def _linear(layer: keras.Layer, tensor: tf.Tensor) -> tf.Tensor:
    """What the layer's activation is applied to."""
    if _is_dense(layer):
        return tensor @ layer.kernel + layer.bias
    return tf.nn.conv2d(tensor, layer.kernel, layer.strides, layer.padding.upper()) + layer.bias


def _rows(layer: keras.Layer, tensor: tf.Tensor) -> tf.Tensor:
    """What the kernel is multiplied with: [n, positions, the kernel's size for one channel]."""
    if _is_dense(layer):
        return tensor[:, None]
    patches = _patches(tensor, layer.kernel_size, layer.strides, layer.padding.upper())
    return tf.reshape(patches, [tf.shape(patches)[0], -1, patches.shape[-1]])


def _patches(
    tensor: tf.Tensor, size: tuple[int, int], strides: tuple[int, int], padding: str
) -> tf.Tensor:
    """The part of the pictures at each position of a kernel: [n, rows, columns, numbers]."""
    if tensor.shape[-1] > 1:
        return tf.image.extract_patches(tensor, [1, *size, 1], [1, *strides, 1], [1] * 4, padding)
    # For one channel a convolution does it in half the time: each of its kernels picks one number.
    height, width = size
    picking = tf.reshape(tf.eye(height * width), [height, width, 1, -1])
    return tf.nn.conv2d(tensor, picking, strides, padding)


def _squared_norms(rows: tf.Tensor, slopes: tf.Tensor) -> tf.Tensor:
    """Those of the examples' gradients by kernel and bias: [n]."""
    by_bias = _square(tf.reduce_sum(slopes, 1))
    if rows.shape[1] == 1:
        return _square(rows) * by_bias + by_bias
    return _square(tf.matmul(rows, slopes, transpose_a=True)) + by_bias


def _square(tensor: tf.Tensor) -> tf.Tensor:
    return tf.reduce_sum(tf.square(tensor), range(1, len(tensor.shape)))


def _weighted_sum(
    layer: keras.Layer, rows: tf.Tensor, slopes: tf.Tensor
) -> tuple[tf.Tensor, tf.Tensor]:
    """The gradients by kernel and bias, summed over positions and examples."""
    flat_rows = tf.reshape(rows, [-1, rows.shape[-1]])
    flat_slopes = tf.reshape(slopes, [-1, slopes.shape[-1]])
    kernel = tf.matmul(flat_rows, flat_slopes, transpose_a=True)
    return tf.reshape(kernel, layer.kernel.shape), tf.reduce_sum(flat_slopes, 0)


def _is_dense(layer: keras.Layer) -> bool:
    return isinstance(layer, keras.layers.Dense) and layer.use_bias


def _is_plain_convolution(layer: keras.Layer) -> bool:
    return (
        isinstance(layer, keras.layers.Conv2D)
        and layer.use_bias
        and layer.groups == 1
        and layer.dilation_rate == (1, 1)
        and layer.data_format == "channels_last"
    )
