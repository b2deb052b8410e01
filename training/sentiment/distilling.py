"""A network that learns from the labels and from a teacher's answers.

Most pieces of a review don't show its label: "it is about a dog". What a trained network says about
a piece is a better aim than the label of the whole: Hinton, Vinyals, Dean, "Distilling the
Knowledge in a Neural Network", 2015. The teacher needs to be no larger than the network:
Furlanello et al., "Born Again Neural Networks", 2018.
"""

from typing import Any

import keras
import tensorflow as tf

TEACHER_SHARE = 0.5
"""How much of the aim is the teacher's answer; the rest is the label."""


class Distilled(keras.Model):  # type: ignore[misc]
    """Trains `network`; both it and `teacher` take int32 [n, tokens] and answer float32 [n, 2]."""

    def __init__(self, network: keras.Model, teacher: keras.Model) -> None:
        super().__init__()
        teacher.trainable = False
        self.network = network
        self.teacher = teacher

    def call(self, token_ids: tf.Tensor, training: bool | None = None) -> tf.Tensor:  # noqa: FBT001
        """The network's probabilities."""
        return self.network(token_ids, training=training)

    def train_step(self, data: tuple[tf.Tensor, tf.Tensor]) -> Any:
        """One update of the network's weights; labels are one-hot, float32 [n, 2]."""
        token_ids, labels = data
        said = self.teacher(token_ids, training=False)
        aim = TEACHER_SHARE * said + (1 - TEACHER_SHARE) * labels
        return super().train_step((token_ids, aim))
