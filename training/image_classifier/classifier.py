"""What the classifiers of pictures differ in."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import keras
import tensorflow as tf

from training.card import ImagePreprocessing
from training.data.images import ImageDataset
from training.errors import TrainingError
from training.recipes import Recipe


class DataSource(Protocol):
    """A module of `training.data`, such as `training.data.mnist`."""

    def load(self, *, quick: bool = False) -> ImageDataset:
        """The pictures from the cache; they are fetched first if necessary."""


@dataclass(frozen=True)
class ImageClassifier:
    """One classifier.

    `build_network` makes a network that takes pixels in 0..1 and ends with a softmax layer. The
    `augmentations`, of `training.augmentation`, change batches of training pictures one after
    another; their names are for the card.
    """

    name: str
    description: str
    labels: Sequence[str]
    data: DataSource
    preprocessing: ImagePreprocessing
    build_network: Callable[[], keras.Model]
    augmentations: Mapping[str, Callable[[tf.Tensor], tf.Tensor]]
    build_private_network: Callable[[], keras.Sequential] | None = None

    @property
    def input(self) -> tf.TensorSpec:
        """What the exported model takes: pictures of its size."""
        form = self.preprocessing
        return tf.TensorSpec([None, form.height, form.width, form.channels], tf.uint8, "image")

    def variant(self, recipe: Recipe) -> "ImageClassifier":
        """What the recipe trains: for privacy another network, without augmentation.

        Raises:
            TrainingError: it has no network for private training, or the recipe is adversarial too.
        """
        if not recipe.private:
            return self
        if recipe.adversarial:
            raise TrainingError("Private training can't be adversarial, too: choose one of them.")
        if self.build_private_network is None:
            raise TrainingError(f"{self.name} has no network for private training.")
        return replace(self, build_network=self.build_private_network, augmentations={})
