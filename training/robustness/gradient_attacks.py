"""Attacks by the gradient: each value moves by at most `epsilon` (L-infinity) and stays in 0..1.

All functions are for use inside TensorFlow's graphs. Pictures are float32 [n, height, width,
channels] in 0..1, labels int64 [n].
"""

from collections.abc import Callable
from typing import TypeAlias

import tensorflow as tf

Logits: TypeAlias = Callable[[tf.Tensor], tf.Tensor]
"""The attacked network: pictures to logits, float32 [n, classes]."""


def fgsm(logits: Logits, images: tf.Tensor, labels: tf.Tensor, epsilon: tf.Tensor) -> tf.Tensor:
    """One step, as far as allowed, to where the loss grows: the fast gradient sign method.

    Goodfellow, Shlens, Szegedy, "Explaining and Harnessing Adversarial Examples", 2015, section 4.
    """
    return within(images + epsilon * _uphill(logits, images, labels), images, epsilon)


def pgd(
    logits: Logits,
    images: tf.Tensor,
    labels: tf.Tensor,
    epsilon: tf.Tensor,
    steps: int,
    step_size: tf.Tensor,
) -> tf.Tensor:
    """Steps to where the loss grows, from a random start: projected gradient descent.

    Madry et al., "Towards Deep Learning Models Resistant to Adversarial Attacks", 2018, section 2.
    """
    noise = tf.random.uniform(tf.shape(images), -1.0, 1.0)

    def step(attacked: tf.Tensor) -> tuple[tf.Tensor]:
        moved = attacked + step_size * _uphill(logits, attacked, labels)
        return (within(moved, images, epsilon),)

    start = within(images + epsilon * noise, images, epsilon)
    (attacked,) = tf.while_loop(lambda _: True, step, (start,), maximum_iterations=steps)
    return attacked


def within(attacked: tf.Tensor, images: tf.Tensor, epsilon: tf.Tensor) -> tf.Tensor:
    """The nearest pictures to `attacked` that the attack may use."""
    lowest, highest = tf.maximum(images - epsilon, 0.0), tf.minimum(images + epsilon, 1.0)
    return tf.clip_by_value(attacked, lowest, highest)


def _uphill(logits: Logits, images: tf.Tensor, labels: tf.Tensor) -> tf.Tensor:
    """For each value 1 if the cross-entropy grows with it, -1 if it falls, else 0."""
    with tf.GradientTape(watch_accessed_variables=False) as tape:
        tape.watch(images)
        losses = tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits(images))
    return tf.sign(tape.gradient(losses, images))
