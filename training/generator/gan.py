"""Two networks that learn against each other (Goodfellow et al., 2014), and what keeps them stable.

The losses are the logistic ones, of which the generator's doesn't saturate (Goodfellow et al.,
section 3). The discriminator's gradient at real pictures is penalized (R1: Mescheder, Geiger,
Nowozin, "Which Training Methods for GANs do actually Converge?", 2018, section 4.1). Without the
penalty the two may go round in circles, and the generator forgets a part of the pictures
("collapse"). The penalty is computed in each 16th step, and then weighs 16 times as much (Karras et
al., "Analyzing and Improving the Image Quality of StyleGAN", 2020, section 3.1).
"""

from dataclasses import asdict

import keras
import tensorflow as tf

from training.fitting import Batching
from training.generator.network import CLASSES, NOISE, build_discriminator, build_generator
from training.recipes import Recipe

PENALTY = 1.0
"""Weight of R1: half of it times the mean squared length of the gradient, of pixels in 0..1."""
PENALIZED = 16
"""The penalty is computed once in so many steps."""
AVERAGED = 1000
"""The exponential average of the generator's weights reaches over at most so many steps."""


def described(recipe: Recipe) -> dict[str, str | int | float | bool]:
    """The recipe, and what is fixed here, as hyperparameters for the card."""
    return {
        **asdict(recipe),
        "schedule": "half a cosine down to 0",
        "loss": "logistic, not saturating",
        "penalty": f"R1, {PENALTY}, in each {PENALIZED}th step",
        "weight_averaging": f"exponential, over a tenth of the steps, {AVERAGED} at most",
    }


class Gan:
    """The networks, their optimizers, and the average of the generator's weights."""

    def __init__(self, recipe: Recipe, batches: Batching) -> None:
        steps = recipe.epochs * batches.batches
        self.average = build_generator()
        self._generator, self._discriminator = build_generator(), build_discriminator()
        self._generator_optimizer = _optimizer(recipe, steps, batches.parts)
        self._discriminator_optimizer = _optimizer(recipe, steps, batches.parts)
        self._size = batches.size
        self._averaged = max(1.0, min(AVERAGED, steps / 10))
        self.average.set_weights(self._generator.get_weights())
        self._generator_optimizer.build(self._generator.trainable_variables)
        self._discriminator_optimizer.build(self._discriminator.trainable_variables)
        self._compiled_step = tf.function(self._step)

    @property
    def variables(self) -> list[keras.Variable]:
        """All that changes while they learn."""
        networks = (self.average, self._generator, self._discriminator)
        optimizers = (self._generator_optimizer, self._discriminator_optimizer)
        return [variable for owner in (*networks, *optimizers) for variable in owner.variables]

    def step(self, labels: tf.Tensor, pixels: tf.Tensor) -> dict[str, tf.Tensor]:
        """Let both learn once; their losses, scalars.

        Args:
            labels: int32 [n], of real pictures.
            pixels: float32 [n, 28, 28, 1], in 0..1.
        """
        penalized = int(self._discriminator_optimizer.iterations) % PENALIZED == 0
        losses: dict[str, tf.Tensor] = self._compiled_step(labels, pixels, penalized=penalized)
        return losses

    def _step(
        self, labels: tf.Tensor, pixels: tf.Tensor, *, penalized: bool
    ) -> dict[str, tf.Tensor]:
        wanted = tf.random.uniform([self._size], 0, CLASSES, tf.int32)
        noise = tf.random.normal([self._size, NOISE])
        with tf.GradientTape(persistent=True) as tape:
            made = self._generator([wanted, noise], training=True)
            real = self._discriminator([labels, pixels])
            unreal = self._discriminator([wanted, made])
            making = tf.reduce_mean(tf.nn.softplus(-unreal))
            judging = tf.reduce_mean(tf.nn.softplus(-real)) + tf.reduce_mean(tf.nn.softplus(unreal))
            penalty = self._steepness(labels, pixels) if penalized else 0.0
            penalized_loss = judging + PENALIZED * PENALTY / 2 * penalty
        judges, makers = (
            self._discriminator.trainable_variables,
            self._generator.trainable_variables,
        )
        judges_gradients = tape.gradient(penalized_loss, judges)
        makers_gradients = tape.gradient(making, makers)
        self._discriminator_optimizer.apply(judges_gradients, judges)
        self._generator_optimizer.apply(makers_gradients, makers)
        for average, weight in zip(self.average.weights, self._generator.weights, strict=True):
            average.assign(average + (weight - average) / self._averaged)
        return {"discriminator_loss": judging, "generator_loss": making}

    def _steepness(self, labels: tf.Tensor, pixels: tf.Tensor) -> tf.Tensor:
        """Mean squared length of the gradient of the scores of real pictures."""
        with tf.GradientTape() as tape:
            tape.watch(pixels)
            scores = self._discriminator([labels, pixels])
        gradient = tape.gradient(scores, pixels)
        return tf.reduce_mean(tf.reduce_sum(tf.square(gradient), [1, 2, 3]))


def _optimizer(recipe: Recipe, steps: int, parts: int) -> keras.optimizers.Optimizer:
    """Without momentum: an opponent's moves make old gradients wrong (Karras et al., 2018)."""
    kind = {"adam": keras.optimizers.Adam, "sgd": keras.optimizers.SGD}[recipe.optimizer]
    options = {"beta_1": 0.0, "beta_2": 0.99} if recipe.optimizer == "adam" else {}
    return kind(
        keras.optimizers.schedules.CosineDecay(recipe.learning_rate, steps),
        gradient_accumulation_steps=parts if parts > 1 else None,
        **options,
    )
