"""The training images that are most like made ones: whether the generator copies."""

from dataclasses import dataclass

import numpy as np

from training.data.images import ImageDataset
from training.generator import measures

COPIED = 0.01
"""The share of the test images that are nearer to a training image than is counted as a copy."""


@dataclass(frozen=True)
class Neighbours:
    """For each made picture, its nearest training image.

    Images are uint8 [n, 28, 28, 1]. Distances [n] are Euclidean, of pixels in 0..1; those below
    `copied` are counted as copies.
    """

    images: np.ndarray
    distances: np.ndarray
    copied: float


def find_neighbours(made: np.ndarray, data: ImageDataset) -> Neighbours:
    """The nearest of all training images for each made one, uint8 [n, 28, 28, 1]."""
    train = _rows(data.train.images)
    indexes, distances = measures.nearest(_rows(made), train)
    _, usual = measures.nearest(_rows(data.test.images), train)
    return Neighbours(data.train.images[indexes], distances, float(np.quantile(usual, COPIED)))


def _rows(images: np.ndarray) -> np.ndarray:
    return images.reshape(len(images), -1) / np.float32(255)
