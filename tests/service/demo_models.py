"""Small models made by hand, whose right answers are known without training.

`tint` is an image classifier unlike the project's own: RGB, 16x16, float input, labels of its
own. `slow` takes long for a white image and no time for any other. `sketch` generates images.

Run as a program, `python -m tests.service.demo_models FOLDER`, it writes tint/1, tint/2, sketch/1
and slow/1, the default, and in FOLDER-endless endless/1, for which a white image takes for ever:
in a separate process, since TensorFlow can be set up only once per process.
"""

import hashlib
import json
import math
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

TINTS = (("red", "green", "blue"), ("rouge", "vert", "bleu"))
"""Labels of `tint`, by version."""

PURE_TINT = math.exp(4) / (math.exp(4) + 2 * math.exp(-4))
"""Probability that `tint` gives to a picture of one pure colour."""

SLOW_LABELS = ("quick", "slow")
_SLOW_SECONDS = 2.0

SKETCH_LABELS = tuple("0123456789")
SKETCH_SIZE = 20
"""Numbers of noise, and pixels of a side."""


def save_tint(models: Path, version: int = 1) -> Path:
    """Write tint/VERSION: which of red, green and blue a picture has most of."""
    import tensorflow as tf

    def classify(image: Any) -> dict[str, Any]:
        return {"probabilities": tf.nn.softmax(4.0 * tf.reduce_mean(image, axis=(1, 2)))}

    preprocessing = {"height": 16, "width": 16, "channels": 3, "scale": 2 / 255, "offset": -1.0}
    labels = TINTS[version - 1]
    return _save(models / "tint" / str(version), classify, preprocessing, labels=labels)


def save_brightness(models: Path) -> Path:
    """Write lightmeter/1: how bright a picture is, 0 to 1; a task that the service hasn't."""
    import tensorflow as tf

    def measure(image: Any) -> dict[str, Any]:
        return {"brightness": tf.reduce_mean(image, axis=(1, 2, 3)) / 255.0}

    preprocessing = {"height": 16, "width": 16, "channels": 3}
    outputs = {"brightness": {"dtype": "float32", "shape": [None]}}
    folder = models / "lightmeter" / "1"
    return _save(folder, measure, preprocessing, task="image_brightness", outputs=outputs)


def save_slow(models: Path, name: str = "slow", seconds: float = _SLOW_SECONDS) -> Path:
    """Write NAME/1: a white picture takes so many seconds, whatever the batch's size."""
    import tensorflow as tf

    def classify(image: Any) -> dict[str, Any]:
        brightness = tf.reduce_mean(tf.cast(image, tf.float32), axis=(1, 2, 3))
        is_white = tf.cast(brightness > 250.0, tf.float32)
        # By the clock, not by an amount of work: it takes as long on a fast machine as on a busy
        # one.
        end = tf.timestamp() + seconds * tf.cast(tf.reduce_max(is_white), tf.float64)
        rounds = tf.while_loop(lambda _: tf.timestamp() < end, lambda i: (i + 1,), (0,))[0]
        nothing = 0.0 * tf.cast(rounds, tf.float32)  # the answer needs the loop's result
        return {"probabilities": tf.stack([1.0 - is_white, is_white + nothing], axis=1)}

    preprocessing = {"height": 28, "width": 28, "channels": 1}
    folder = models / name / "1"
    return _save(folder, classify, preprocessing, labels=SLOW_LABELS, dtype="uint8")


def save_sketch(models: Path) -> Path:
    """Write sketch/1, a generator. What its images are, `sketched` says."""
    import tensorflow as tf

    def draw(label: Any, noise: Any) -> dict[str, Any]:
        bar = tf.range(SKETCH_SIZE)[tf.newaxis] <= label[:, tf.newaxis]
        shades = tf.tile(tf.sigmoid(noise), (1, SKETCH_SIZE - 1))
        image = tf.concat([tf.cast(bar, tf.float64), shades], axis=1)
        image = tf.reshape(tf.round(255 * image), (-1, SKETCH_SIZE, SKETCH_SIZE, 1))
        return {"image": tf.cast(image, tf.uint8)}

    folder = models / "sketch" / "1"
    specs = [
        tf.TensorSpec([None], "int32", name="label"),
        tf.TensorSpec([None, SKETCH_SIZE], "float64", name="noise"),
    ]
    function = tf.function(draw, input_signature=specs)
    tf.saved_model.save(tf.Module(), str(folder), signatures=function)
    shape = [None, SKETCH_SIZE, SKETCH_SIZE, 1]
    signature = {
        "inputs": {s.name: {"dtype": s.dtype.name, "shape": s.shape.as_list()} for s in specs},
        "outputs": {"image": {"dtype": "uint8", "shape": shape}},
    }
    card = {
        "name": "sketch",
        "version": 1,
        "task": "image_generation",
        "labels": SKETCH_LABELS,
        "signatures": {"serving_default": signature},
        "preprocessing": {"type": "noise", "size": SKETCH_SIZE},
        "files": hashes(folder),
    }
    (folder / "model.json").write_text(json.dumps(card))
    return folder


def sketched(seed: int, index: int, label: int | None) -> tuple[int, NDArray[np.uint8]]:
    """Return the label and the image [side, side] that `sketch` makes.

    Its first line is white as far as the label says; the others are shades of the noise.
    """
    random = np.random.RandomState([seed, index])
    noise = random.standard_normal(SKETCH_SIZE)
    if label is None:
        label = int(random.randint(len(SKETCH_LABELS), dtype=np.int64))
    image = np.tile(1 / (1 + np.exp(-noise)), (SKETCH_SIZE, 1))
    image[0] = np.arange(SKETCH_SIZE) <= label
    return label, np.round(255 * image).astype(np.uint8)


def _save(
    folder: Path,
    call: Callable[[Any], dict[str, Any]],
    preprocessing: Mapping[str, float],
    *,
    labels: tuple[str, ...] | None = None,
    dtype: str = "float32",
    task: str = "image_classification",
    outputs: Mapping[str, Any] | None = None,
) -> Path:
    import tensorflow as tf

    shape = [None, *(preprocessing[side] for side in ("height", "width", "channels"))]
    spec = tf.TensorSpec(shape, dtype, name="image")
    function = tf.function(call, input_signature=[spec])
    tf.saved_model.save(tf.Module(), str(folder), signatures=function)
    tensors = {
        "inputs": {"image": {"dtype": dtype, "shape": shape}},
        "outputs": outputs
        or {"probabilities": {"dtype": "float32", "shape": [None, len(labels or ())]}},
    }
    card = {
        "name": folder.parent.name,
        "version": int(folder.name),
        "task": task,
        "labels": labels,
        "signatures": {"serving_default": tensors},
        "preprocessing": {"type": "image", "framing": {"type": "resize"}, **preprocessing},
        "files": hashes(folder),
    }
    (folder / "model.json").write_text(json.dumps(card))
    return folder


def hashes(folder: Path) -> dict[str, str]:
    """Return the SHA-256 of each file below a folder."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in files
    }


if __name__ == "__main__":
    target = Path(sys.argv[1])
    save_tint(target, 1)
    save_tint(target, 2)
    save_slow(target)
    save_sketch(target)
    save_slow(target.with_name(f"{target.name}-endless"), "endless", seconds=3600.0)
    (target / "tint" / "serving.json").write_text('{"versions": "all"}')
    (target / "defaults.json").write_text('{"image_classification": "slow"}')
