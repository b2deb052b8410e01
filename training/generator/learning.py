"""From MNIST to an exported generator."""

import time
from pathlib import Path

import keras
import tensorflow as tf

from training.card import Card, TrainingRecord
from training.data import mnist
from training.data.images import Images
from training.files import staged_folder
from training.fitting import Batching, batching, described
from training.generator.evaluation import evaluate
from training.generator.exporting import export_generator
from training.generator.gan import AVERAGED, PENALIZED, PENALTY, Gan
from training.generator.network import NOISE
from training.recipes import Recipe


def train(recipe: Recipe, target: Path) -> Card:
    """Train, export, verify and evaluate; after an error `target` is as it was.

    Raises:
        TrainingError: what to do is in the message.
    """
    started = time.monotonic()
    data = mnist.load(quick=recipe.quick)
    keras.utils.set_random_seed(recipe.seed)
    generator, history = learn(data.train, recipe)
    record = TrainingRecord(
        name="generator",
        version=int(target.name),
        hyperparameters={
            **described(recipe),
            "noise": NOISE,
            "penalty": PENALTY,
            "penalized": PENALIZED,
            "averaged": AVERAGED,
        },
        history=history,
        seconds=round(time.monotonic() - started, 1),
    )
    with staged_folder(target) as folder:
        export_generator(generator, folder)
        record.write(folder)
        return evaluate(folder)


def learn(images: Images, recipe: Recipe) -> tuple[keras.Model, dict[str, list[float]]]:
    """The averaged generator, and the history of the losses."""
    batches = batching(recipe, len(images))
    gan = Gan(recipe, batches)
    history: dict[str, list[float]] = {"discriminator_loss": [], "generator_loss": []}
    for _ in range(recipe.epochs):
        sums = dict.fromkeys(history, 0.0)
        for number, (labels, pixels) in enumerate(_batches(images, batches, recipe.seed)):
            losses = gan.step(labels, pixels, penalized=number % PENALIZED == 0)
            sums = {name: value + float(losses[name]) for name, value in sums.items()}
        for name, value in sums.items():
            history[name].append(value / batches.batches)
    return gan.average, history


def _batches(images: Images, batches: Batching, seed: int) -> tf.data.Dataset:
    examples = tf.data.Dataset.from_tensor_slices((images.labels, images.images))
    return (
        examples.shuffle(len(images), seed=seed)
        .batch(batches.size, drop_remainder=True)
        .take(batches.batches)
        .map(lambda labels, pixels: (tf.cast(labels, tf.int32), tf.cast(pixels, tf.float32) / 255))
        .prefetch(4)
    )
