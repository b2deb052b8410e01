"""Labelled images in three parts: the form of every image data set here."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from training.card import TrainingData

VALIDATION = 10_000
"""The last training images are for validation: the canonical split of 50/10/10 thousand."""


@dataclass(frozen=True)
class Images:
    """Images: uint8 [n, height, width, channels]; labels: int64 [n]."""

    images: np.ndarray
    labels: np.ndarray

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, which: slice | np.ndarray) -> "Images":
        return Images(self.images[which], self.labels[which])


@dataclass(frozen=True)
class ImageDataset:
    """Train on `train`, choose settings by `validation`, and only report figures on `test`."""

    name: str
    source: str
    sha256: str
    train: Images
    validation: Images
    test: Images

    def shortened(self, count: int) -> "ImageDataset":
        """The set with only the first `count` images in `train` and `validation`."""
        return replace(self, train=self.train[:count], validation=self.validation[:count])

    def described(self) -> TrainingData:
        """The set as the model cards describe it."""
        splits = {
            "train": len(self.train),
            "validation": len(self.validation),
            "test": len(self.test),
        }
        return TrainingData(self.name, self.source, self.sha256, splits)


def split_like_mnist(
    arrays: Mapping[str, np.ndarray], *, name: str, source: str, sha256: str
) -> ImageDataset:
    """MNIST's split of `x_train`, `x_test` (uint8 [n, 28, 28]), `y_train`, `y_test` (uint8 [n])."""
    train = _grey(arrays["x_train"], arrays["y_train"])
    return ImageDataset(
        name,
        source,
        sha256,
        train=train[:-VALIDATION],
        validation=train[-VALIDATION:],
        test=_grey(arrays["x_test"], arrays["y_test"]),
    )


def _grey(images: np.ndarray, labels: np.ndarray) -> Images:
    return Images(images[..., np.newaxis], labels.astype(np.int64))
