"""Training by noisy gradients: what comes out tells little about any single example.

DP-SGD (Abadi et al., "Deep Learning with Differential Privacy", 2016). Each step takes a Poisson
sample of the examples, clips the gradient of each, and adds Gaussian noise to their sum. Optimizer,
schedule and averaged weights see the noisy sums alone, so they cost no privacy.
"""

from typing import Any

import keras
import numpy as np
import tensorflow as tf

from training.data.images import ImageDataset, Images
from training.fitting import Batching, optimizer, progress
from training.privacy import gradients
from training.privacy.accounting import DELTA, Mechanism, epsilon, solve
from training.recipes import FULL_BATCH, Recipe

CLIP_NORM = 1.0
AT_ONCE = 256
"""Examples whose gradients are computed together."""


def plan(recipe: Recipe, examples: int) -> Mechanism:
    """What each step does, so that all of the recipe's steps together keep its epsilon."""
    batches = _batching(recipe, examples)
    return solve(recipe.private, batches.size / examples, recipe.epochs * batches.updates)


def _batching(recipe: Recipe, examples: int) -> Batching:
    """The recipe's batch size is the mean size of the samples."""
    size = examples if recipe.batch_size == FULL_BATCH else min(recipe.batch_size, examples)
    return Batching(size, parts=1, updates=examples // size)


def described(recipe: Recipe, examples: int) -> dict[str, str | int | float | bool]:
    """What is promised and by which means, as hyperparameters for the card; else nothing."""
    if not recipe.private:
        return {}
    mechanism = plan(recipe, examples)
    return {
        "epsilon": round(epsilon(mechanism), 4),
        "delta": DELTA,
        "protected": f"each of the {examples} training examples: neighbouring data sets differ in "
        "one of them, which is added or removed",
        "not_protected": "the validation examples, by which the temperature and the settings were "
        "chosen",
        "noise_multiplier": round(mechanism.noise_multiplier, 4),
        "clip_norm": CLIP_NORM,
        "sampling_rate": mechanism.sampling_rate,
        "steps": mechanism.steps,
        "accountant": "privacy loss distributions (dp-accounting), Poisson sampling",
    }


def train(model: keras.Sequential, data: ImageDataset, recipe: Recipe) -> dict[str, list[float]]:
    """Train the model with secret samples and noise; its history.

    The recipe's seed decides nothing but the first weights: whoever knows the noise could remove
    it. So samples and noise come from a state that the operating system draws, and that is kept
    nowhere.

    Raises:
        TrainingError: the model has a layer whose gradients aren't known.
    """
    mechanism = plan(recipe, len(data.train))
    noisy = NoisyGradients(model, data.train, mechanism, np.random.default_rng())
    return fit(model, noisy, data.validation, recipe)


def fit(
    model: keras.Sequential, noisy: "NoisyGradients", validation: Images, recipe: Recipe
) -> dict[str, list[float]]:
    """Descend along the noisy gradients; the history on the validation images, one entry per epoch.

    The history has no figures of the training images, which would tell about these.
    """
    batches = _batching(recipe, noisy.examples)
    model.compile(
        optimizer(recipe, batches),
        "sparse_categorical_crossentropy",
        metrics=["accuracy"],
        jit_compile=False,
    )
    averaged = [keras.callbacks.SwapEMAWeights()]
    measured = tf.data.Dataset.from_tensor_slices(
        (validation.images / np.float32(255), validation.labels)
    ).batch(500)
    history: dict[str, list[float]] = {"val_accuracy": [], "val_loss": []}
    with progress() as bar:
        for epoch in range(1, recipe.epochs + 1):
            for _ in bar.track(range(batches.updates), description=f"epoch {epoch}"):
                model.optimizer.apply(noisy.draw(), model.trainable_variables)
            figures = model.evaluate(measured, verbose=0, return_dict=True, callbacks=averaged)
            history["val_accuracy"].append(float(figures["accuracy"]))
            history["val_loss"].append(float(figures["loss"]))
    model.optimizer.finalize_variable_values(model.trainable_variables)
    return history


class NoisyGradients:
    """Mean gradients of samples, with noise: all that a training learns of the examples."""

    def __init__(
        self,
        model: keras.Sequential,
        train: Images,
        mechanism: Mechanism,
        random: np.random.Generator,
    ) -> None:
        """Prepare them.

        Args:
            model: takes pixels in 0..1, ends with a softmax.
            train: the examples that are protected.
            mechanism: the sampling rate and the noise.
            random: draws samples and noise.

        Raises:
            TrainingError: the model has a layer whose gradients aren't known.
        """
        gradients.check(model)
        self.examples = len(train)
        self._train = train
        self._mechanism = mechanism
        self._random = random
        self._shapes = [each.shape for each in model.trainable_variables]
        self._clipped_sum = _compiled_sum(model, train)

    def draw(self) -> list[np.ndarray]:
        """One for each of the model's trainable variables, from a new sample with new noise.

        The sum is divided by the mean size of the samples: the size of this one is secret, too.
        """
        sampled = self._random.random(self.examples) < self._mechanism.sampling_rate
        deviation = self._mechanism.noise_multiplier * CLIP_NORM
        noise = [self._random.normal(0, deviation, shape) for shape in self._shapes]
        mean_size = self._mechanism.sampling_rate * self.examples
        return [
            ((each + more) / mean_size).astype(np.float32)
            for each, more in zip(self._sum(self._train[sampled]), noise, strict=True)
        ]

    def _sum(self, sample: Images) -> list[np.ndarray]:
        """That of the sample's clipped gradients."""
        sums = [np.zeros(shape) for shape in self._shapes]
        for start in range(0, len(sample), AT_ONCE):
            part = sample[start : start + AT_ONCE]
            for total, more in zip(sums, self._clipped_sum(part.images, part.labels), strict=True):
                total += more.numpy()
        return sums


def _compiled_sum(model: keras.Sequential, train: Images) -> Any:
    """A function from images (uint8) and labels to the sum of the clipped gradients."""

    def clipped_sum(images: tf.Tensor, labels: tf.Tensor) -> list[tf.Tensor]:
        pixels = tf.cast(images, tf.float32) / 255
        return gradients.clipped_sum(model, pixels, labels, CLIP_NORM)

    shape = [None, *train.images.shape[1:]]
    signature = [tf.TensorSpec(shape, tf.uint8), tf.TensorSpec([None], tf.int64)]
    return tf.function(clipped_sum, input_signature=signature)
