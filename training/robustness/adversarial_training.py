"""Training on pictures that are attacked while the network learns."""

from typing import Any

import keras
import tensorflow as tf

from training.robustness.gradient_attacks import pgd
from training.robustness.network import logits_of

STEP = 1.25
"""The size of the attack's only step, in epsilons."""

ADVERSARIAL_TRAINING = (
    f"on attacked pictures only: one step of {STEP} epsilon from a random start, at each update"
)
"""How it is done, for the card."""


class AdversarialTraining(keras.Model):  # type: ignore[misc]
    """Trains `network` on attacked pictures instead of the given ones, within `epsilon` of them.

    The cheapest attack is enough if its start is random: Wong, Rice, Kolter, "Fast is better than
    free: Revisiting adversarial training", 2020, section 4.
    """

    def __init__(self, network: keras.Model, epsilon: float) -> None:
        super().__init__()
        self.network = network
        self.epsilon = epsilon
        self._logits = logits_of(network)

    def call(self, images: tf.Tensor, training: bool | None = None) -> tf.Tensor:  # noqa: FBT001
        """The network's probabilities."""
        return self.network(images, training=training)

    def train_step(self, data: tuple[tf.Tensor, tf.Tensor]) -> Any:
        """One update of the weights; images are float32 in 0..1, labels int64."""
        images, labels = data
        step_size = STEP * self.epsilon
        attacked = pgd(self._logits, images, labels, self.epsilon, steps=1, step_size=step_size)
        return super().train_step((attacked, labels))
