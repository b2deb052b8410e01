"""The trained generator as a SavedModel: labels and noise in, pictures of bytes out."""

from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from training import export, golden
from training.generator.network import CLASSES, NOISE, build_generator

LABELS = tf.TensorSpec([None], tf.int32, "label")
NOISES = tf.TensorSpec([None, NOISE], tf.float64, "noise")


def export_generator(generator: keras.Model, folder: Path) -> None:
    """Write the SavedModel into `folder`, with golden inputs.

    It computes in float64, though it was trained in float32. The order of additions depends on the
    batch that a picture is part of, and on who compiled the program. In float64 that changes a
    pixel by some 1e-13 of its step, so that a picture has the same bytes in every batch.

    Raises:
        ExportError: it can't be written, or it makes other pictures in a fresh process.
    """
    exact = build_generator("float64")
    exact.set_weights([weight.astype(np.float64) for weight in generator.get_weights()])

    def generate(label: tf.Tensor, noise: tf.Tensor) -> dict[str, tf.Tensor]:
        return {"image": as_bytes(exact([label, noise], training=False))}

    signatures = {"serving_default": tf.function(generate, input_signature=[LABELS, NOISES])}
    export.save(folder, signatures, export.variables_of(exact))
    labels, noise = cycled(golden.ROWS), draw(golden.ROWS, seed=0)
    images = generate(tf.constant(labels), tf.constant(noise))["image"].numpy()
    inputs = {"label": labels, "noise": noise}
    golden.write(folder, [export.Example("serving_default", inputs, {"image": images})])


def as_bytes(pixels: tf.Tensor) -> tf.Tensor:
    """Pixels in 0..1 as uint8."""
    return tf.cast(tf.round(255 * pixels), tf.uint8)


def cycled(count: int) -> np.ndarray:
    """Labels 0 to 9 again and again, int32 [count]."""
    return np.arange(count, dtype=np.int32) % CLASSES


def draw(count: int, seed: int) -> np.ndarray:
    """Standard normal noise for so many pictures, float64 [count, 64]: the same for each seed."""
    return np.random.RandomState(seed).standard_normal((count, NOISE))
