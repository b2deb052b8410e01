"""From MNIST to an exported autoencoder."""

import time
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from training import augmentation, export, golden
from training.card import Card, TrainingRecord
from training.contrastive import pair_loss
from training.data import mnist
from training.data.images import ImageDataset, Images
from training.embedding.evaluation import evaluate
from training.embedding.model import DIMENSIONS, build_decoder, build_encoder
from training.files import staged_folder
from training.fitting import batching, described, fit, optimizer
from training.recipes import Recipe

PIXELS = 28 * 28
CURVES = ("reconstruction_error", "code_loss")
"""The curves of the history that are drawn."""
PAIR_WEIGHT = 0.3
"""Weight of the contrastive loss, relative to the squared error summed over an image."""


def train(recipe: Recipe, target: Path) -> Card:
    """Train, export, verify and evaluate; after an error `target` is as it was.

    Raises:
        TrainingError: what to do is in the message.
    """
    started = time.monotonic()
    data = mnist.load(quick=recipe.quick)
    keras.utils.set_random_seed(recipe.seed)
    encoder, decoder = build_encoder(), build_decoder()
    history = train_pair(encoder, decoder, data, recipe)
    record = TrainingRecord(
        name="embedding",
        version=int(target.name),
        hyperparameters={
            **described(recipe),
            "augmentation": "warp (training/augmentation.py)",
            "code_dimensions": DIMENSIONS,
            "pair_weight": PAIR_WEIGHT,
        },
        history=history,
        seconds=round(time.monotonic() - started, 1),
    )
    with staged_folder(target) as folder:
        export_model(encoder, decoder, folder, golden.choose(data.test.images))
        record.write(folder)
        return evaluate(folder)


def train_pair(
    encoder: keras.Model, decoder: keras.Model, data: ImageDataset, recipe: Recipe
) -> dict[str, list[float]]:
    """Train both on pictures and warped copies of them; the history of the losses."""
    batches = batching(recipe, len(data.train))
    model = connected(encoder, decoder)
    compile_pair(model, optimizer(recipe, batches))
    validation = pairs(data.validation, min(batches.size, len(data.validation)), recipe.seed)
    train = pairs(data.train, batches.size, recipe.seed)
    history = fit(model, train, recipe, batches, validation)
    return {name: curve for name, curve in history.items() if name.endswith(CURVES)}


def connected(encoder: keras.Model, decoder: keras.Model) -> keras.Model:
    """The autoencoder: pixels [n, 28, 28, 1] to `reconstruction` and `code`."""
    image = keras.Input((28, 28, 1))
    code = encoder(image)
    return keras.Model(image, {"reconstruction": decoder(code), "code": code})


def compile_pair(model: keras.Model, chosen: keras.optimizers.Optimizer, **options: int) -> None:
    """Give the autoencoder its losses; `options` are more of Keras's for `compile`."""
    model.compile(
        chosen,
        loss={
            "reconstruction": lambda true, made: PIXELS * tf.reduce_mean(tf.square(made - true)),
            "code": lambda _, codes: PAIR_WEIGHT * pair_loss(codes),
        },
        metrics={"reconstruction": keras.metrics.MeanSquaredError("error")},
        **{"jit_compile": False, **options},
    )


def pairs(images: Images, size: int, seed: int) -> tf.data.Dataset:
    """Shuffled batches of `size` pictures followed by their warped copies: inputs and targets."""

    def with_copies(pixels: tf.Tensor) -> tuple[tf.Tensor, dict[str, tf.Tensor]]:
        pixels = tf.cast(pixels, tf.float32) / 255
        pixels = tf.concat([pixels, warped(pixels)], axis=0)
        return pixels, {"reconstruction": pixels, "code": tf.zeros([tf.shape(pixels)[0], 1])}

    examples = tf.data.Dataset.from_tensor_slices(images.images).shuffle(len(images), seed=seed)
    return (
        examples.batch(size, drop_remainder=True)
        .map(with_copies, num_parallel_calls=tf.data.AUTOTUNE)
        .prefetch(4)
    )


def warped(images: tf.Tensor) -> tf.Tensor:
    """Copies that still look like the same digit by the same person."""
    return augmentation.warp(images, degrees=6.0, scale=0.06, shear=0.075, shift=1.0, elastic=0.4)


def export_model(
    encoder: keras.Model, decoder: keras.Model, folder: Path, images: np.ndarray
) -> None:
    """Write the SavedModel, with `images` (uint8 [n, 28, 28, 1]) as golden inputs."""

    def run(image: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        pixels = tf.cast(image, tf.float32) / 255
        code = encoder(pixels, training=False)
        made = decoder(code, training=False)
        return code, made, tf.reduce_mean(tf.square(made - pixels), axis=[1, 2, 3])

    def embed(image: tf.Tensor) -> dict[str, tf.Tensor]:
        code, _, error = run(image)
        return {"embedding": code, "reconstruction_error": error}

    def reconstruct(image: tf.Tensor) -> dict[str, tf.Tensor]:
        return {"reconstruction": run(image)[1]}

    signatures = {
        "serving_default": tf.function(embed, input_signature=[export.IMAGES]),
        "reconstruct": tf.function(reconstruct, input_signature=[export.IMAGES]),
    }
    variables = export.variables_of(encoder) + export.variables_of(decoder)
    export.save(folder, signatures, variables)
    golden.write(folder, _examples(encoder, decoder, images))


def _examples(
    encoder: keras.Model, decoder: keras.Model, images: np.ndarray
) -> list[export.Example]:
    pixels = images.astype(np.float32) / 255
    code = encoder.predict(pixels, verbose=0)
    made = decoder.predict(code, verbose=0)
    served = {
        "embedding": code,
        "reconstruction_error": np.square(made - pixels).mean(axis=(1, 2, 3)),
    }
    return [
        export.Example("serving_default", {"image": images}, served),
        export.Example("reconstruct", {"image": images}, {"reconstruction": made}),
    ]
