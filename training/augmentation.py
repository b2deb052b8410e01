"""Pictures as they might have been, too: whole batches at a time, inside TensorFlow.

Every function takes and returns float32 [n, height, width, channels] in 0..1, and draws new random
numbers for each picture. `flip` and `shift` are for any pictures, the others for digits as other
people might have drawn them: [n, 28, 28, 1], 0 (paper) to 1 (ink).
"""

import math

import tensorflow as tf

SIZE = 28
FLOW_GRID = 5
"""Size of the grid of the elastic distortion. It is coarse and interpolated, so that neighbouring
pixels move alike."""


def uniform(count: tf.Tensor, low: float, high: float) -> tf.Tensor:
    """Random numbers as [n, 1, 1, 1], one per image."""
    return tf.random.uniform([count, 1, 1, 1], low, high)


def flip(images: tf.Tensor) -> tf.Tensor:
    """Half of the images, as in a mirror."""
    return tf.where(_chosen(tf.shape(images)[0], 0.5) > 0, images[:, :, ::-1], images)


def shift(images: tf.Tensor, pixels: int) -> tf.Tensor:
    """Moved up or down and to a side, each by at most so many pixels; 0 comes in."""
    count, height, width = tf.shape(images)[0], images.shape[1], images.shape[2]
    padded = tf.pad(images, [[0, 0], [pixels, pixels], [pixels, pixels], [0, 0]])
    tops = tf.random.uniform([count, 1], 0, 2 * pixels + 1, tf.int32)
    lefts = tf.random.uniform([count, 1], 0, 2 * pixels + 1, tf.int32)
    rows = tf.gather(padded, tops + tf.range(height), axis=1, batch_dims=1)
    return tf.gather(rows, lefts + tf.range(width), axis=2, batch_dims=1)


def warp(
    images: tf.Tensor,
    degrees: float = 9.0,
    scale: float = 0.09,
    shear: float = 0.11,
    shift: float = 1.5,
    elastic: float = 0.5,
) -> tf.Tensor:
    """Turned, stretched, slanted, moved, and bent a little, each by at most the amount given.

    Args:
        images: float32 [n, 28, 28, 1].
        degrees: of rotation.
        scale: relative change of width and, independently, of height.
        shear: horizontal movement per pixel of height.
        shift: pixels.
        elastic: standard deviation in pixels of the bending (Simard et al., 2003, by
            interpolation instead of Gaussian smoothing).
    """
    count = tf.shape(images)[0]
    axis = tf.range(SIZE, dtype=tf.float32) - (SIZE - 1) / 2
    y, x = axis[None, :, None, None], axis[None, None, :, None]
    angle = uniform(count, -degrees, degrees) * (math.pi / 180)
    x = x + uniform(count, -shear, shear) * y
    x, y = tf.cos(angle) * x - tf.sin(angle) * y, tf.sin(angle) * x + tf.cos(angle) * y
    x = x * uniform(count, 1 - scale, 1 + scale) + uniform(count, -shift, shift)
    y = y * uniform(count, 1 - scale, 1 + scale) + uniform(count, -shift, shift)
    flow = tf.random.normal([count, FLOW_GRID, FLOW_GRID, 2], stddev=elastic)
    flow = tf.image.resize(flow, [SIZE, SIZE], "bicubic")
    return _sample(images, x + flow[..., :1], y + flow[..., 1:])


def _sample(images: tf.Tensor, x: tf.Tensor, y: tf.Tensor) -> tf.Tensor:
    """Bilinear interpolation at pixel positions counted from the centre; paper outside."""
    padded = tf.reshape(tf.pad(images, [[0, 0], [1, 1], [1, 1], [0, 0]]), [-1, (SIZE + 2) ** 2])
    # In the padded image position 0 is the margin, whose pixels are all paper.
    x = tf.clip_by_value(x[..., 0] + (SIZE + 1) / 2, 0.0, SIZE + 0.999)
    y = tf.clip_by_value(y[..., 0] + (SIZE + 1) / 2, 0.0, SIZE + 0.999)
    left, top = tf.floor(x), tf.floor(y)
    right_share, low_share = x - left, y - top
    corner = tf.cast(top * (SIZE + 2) + left, tf.int32)

    def pixel(offset: int) -> tf.Tensor:
        return tf.gather(padded, corner + offset, batch_dims=1)

    upper = pixel(0) * (1 - right_share) + pixel(1) * right_share
    lower = pixel(SIZE + 2) * (1 - right_share) + pixel(SIZE + 3) * right_share
    return (upper * (1 - low_share) + lower * low_share)[..., None]


def restroke(images: tf.Tensor, share: float = 0.3) -> tf.Tensor:
    """Strokes up to a pixel thicker (dilation) or thinner (erosion), in `share` of the images."""
    count = tf.shape(images)[0]
    strength = uniform(count, -0.6, 1.0) * _chosen(count, share)
    thick = tf.nn.max_pool2d(images, 3, 1, "SAME")
    thin = -tf.nn.max_pool2d(-images, 2, 1, "SAME")
    return (
        images + tf.nn.relu(strength) * (thick - images) + tf.nn.relu(-strength) * (thin - images)
    )


def refocus(images: tf.Tensor, share: float = 0.2) -> tf.Tensor:
    """A slight blur in `share` of the images, and a paler pen in as many others."""
    count = tf.shape(images)[0]
    blurred = tf.nn.avg_pool2d(images, 3, 1, "SAME")
    images += uniform(count, 0.0, 0.8) * _chosen(count, share) * (blurred - images)
    return images * (1 - uniform(count, 0.0, 0.4) * _chosen(count, share))


def erase(
    images: tf.Tensor, share: float = 0.1, smallest: float = 3.0, largest: float = 9.0
) -> tf.Tensor:
    """A rectangle of paper laid over `share` of the images (random erasing, Zhong et al., 2017)."""
    count = tf.shape(images)[0]
    axis = tf.range(SIZE, dtype=tf.float32)
    inside = _chosen(count, share)
    for distance in (axis[None, :, None, None], axis[None, None, :, None]):
        centre = uniform(count, 4.0, SIZE - 5.0)
        half = uniform(count, smallest, largest) / 2
        inside *= tf.cast(tf.abs(distance - centre) < half, tf.float32)
    return images * (1 - inside)


def _chosen(count: tf.Tensor, share: float) -> tf.Tensor:
    """1 for a random `share` of the images, else 0."""
    return tf.cast(uniform(count, 0.0, 1.0) < share, tf.float32)
