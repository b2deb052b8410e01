"""What the classifiers of pictures differ in."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import keras
import tensorflow as tf

from training.card import ImagePreprocessing
from training.data.images import ImageDataset


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

    @property
    def input(self) -> tf.TensorSpec:
        """What the exported model takes: pictures of its size."""
        form = self.preprocessing
        return tf.TensorSpec([None, form.height, form.width, form.channels], tf.uint8, "image")
