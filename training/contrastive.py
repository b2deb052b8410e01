"""Contrastive learning: two versions of one picture get similar codes, without labels."""

import tensorflow as tf


def squared_distances(left: tf.Tensor, right: tf.Tensor) -> tf.Tensor:
    """The squared distance of each row of `left` [n, d] to each row of `right` [m, d]: [n, m]."""
    lengths = tf.reduce_sum(tf.square(left), 1)[:, None] + tf.reduce_sum(tf.square(right), 1)
    return lengths - 2 * tf.matmul(left, right, transpose_b=True)


def pair_loss(codes: tf.Tensor) -> tf.Tensor:
    """The loss (a scalar): high if codes are not nearer to their pair than to the other codes.

    InfoNCE (van den Oord et al., 2018) with minus the squared Euclidean distance as similarity,
    since users compare the codes in this way, too.

    Args:
        codes: float32 [2 n, d]; row i and row n + i are of two versions of one picture.
    """
    left, right = tf.split(codes, 2)
    logits = -squared_distances(left, right)
    pairs = tf.range(tf.shape(logits)[0])
    losses = [
        tf.nn.sparse_softmax_cross_entropy_with_logits(pairs, logits),
        tf.nn.sparse_softmax_cross_entropy_with_logits(pairs, tf.transpose(logits)),
    ]
    return tf.reduce_mean(tf.stack(losses))
