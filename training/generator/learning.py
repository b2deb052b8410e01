"""From MNIST to an exported generator."""

import logging
import time
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from training.card import Card, TrainingRecord
from training.data import mnist
from training.data.images import ImageDataset, Images
from training.files import staged_folder
from training.fitting import Batching, batching
from training.generator import gan, measures
from training.generator.evaluation import evaluate
from training.generator.exporting import as_bytes, cycled, draw, export_generator
from training.generator.gan import Gan
from training.generator.judges import Judges
from training.generator.network import NOISE
from training.generator.unfinished import History, Unfinished
from training.recipes import Recipe

logger = logging.getLogger(__name__)

DISTANCE = "frechet_distance"
"""The curve of the history that shows how the generator improves."""
WATCHED = 2_000
"""So many made pictures are compared with validation images after each epoch."""


def train(recipe: Recipe, target: Path) -> Card:
    """Train, export, verify and evaluate; after an error `target` is as it was.

    A training that is interrupted goes on after its last epoch when it is started again.

    Raises:
        TrainingError: what to do is in the message.
    """
    started = time.monotonic()
    data = mnist.load(quick=recipe.quick)
    keras.utils.set_random_seed(recipe.seed)
    unfinished = Unfinished(target, recipe)
    generator, history = learn(data, recipe, unfinished)
    record = TrainingRecord(
        name="generator",
        version=int(target.name),
        hyperparameters={**gan.described(recipe), "noise": NOISE},
        history=history,
        seconds=round(time.monotonic() - started, 1),
    )
    with staged_folder(target) as folder:
        export_generator(generator, folder)
        record.write(folder)
        card = evaluate(folder)
    unfinished.remove()
    return card


def learn(
    data: ImageDataset, recipe: Recipe, unfinished: Unfinished
) -> tuple[keras.Model, History]:
    """The averaged generator; its history, one entry per epoch."""
    batches, judges = batching(recipe, len(data.train)), Judges()
    game, seen = Gan(recipe, batches), data.validation[:WATCHED]
    history = unfinished.restore(game.variables)
    for epoch in range(len(history.get(DISTANCE, [])), recipe.epochs):
        figures = _play(game, _batches(data.train, batches, recipe.seed + epoch))
        figures[DISTANCE] = _distance(game.average, seen, judges)
        history = {name: [*history.get(name, []), value] for name, value in figures.items()}
        unfinished.keep(game.variables, history)
        line = "  ".join(f"{name} {value:.4f}" for name, value in figures.items())
        logger.info("epoch %d/%d  %s", epoch + 1, recipe.epochs, line)
    return game.average, history


def _play(game: Gan, batches: tf.data.Dataset) -> dict[str, float]:
    """Let the two learn from all batches; their mean losses, by name."""
    losses = [game.step(labels, pixels) for labels, pixels in batches]
    return {name: float(np.mean([each[name] for each in losses])) for name in losses[0]}


def _distance(generator: keras.Model, real: Images, judges: Judges) -> float:
    """Frechet distance of as many made pictures from the real ones."""
    inputs = [cycled(len(real)), draw(len(real), seed=0).astype(np.float32)]
    made = as_bytes(generator(inputs, training=False)).numpy()
    return measures.frechet_distance(judges.codes(made), judges.codes(real.images))


def _batches(images: Images, batches: Batching, seed: int) -> tf.data.Dataset:
    """An epoch of shuffled batches: labels, and pixels in 0..1."""

    def scaled(labels: tf.Tensor, pixels: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        return tf.cast(labels, tf.int32), tf.cast(pixels, tf.float32) / 255

    examples = tf.data.Dataset.from_tensor_slices((images.labels, images.images))
    shuffled = examples.shuffle(len(images), seed=seed).batch(batches.size, drop_remainder=True)
    return shuffled.take(batches.batches).map(scaled).prefetch(4)
