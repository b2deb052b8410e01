"""Labelled images in three parts, the form in which every image data set is handed out."""

from dataclasses import dataclass, replace

import numpy as np

from training.card import TrainingData


@dataclass(frozen=True)
class Images:
    """Images: uint8 [n, 28, 28, 1], 0 (paper) to 255 (ink); labels: int64 [n]."""

    images: np.ndarray
    labels: np.ndarray

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, which: slice | np.ndarray) -> "Images":
        return Images(self.images[which], self.labels[which])


@dataclass(frozen=True)
class ImageDataset:
    """Learn from `train`, choose by `validation`, report `test` and never choose by it."""

    name: str
    source: str
    sha256: str
    train: Images
    validation: Images
    test: Images

    def shortened(self, count: int) -> "ImageDataset":
        """The set with only the first `count` images to learn from and to choose by."""
        return replace(self, train=self.train[:count], validation=self.validation[:count])

    def described(self) -> TrainingData:
        """The set as the model cards tell it."""
        splits = {
            "train": len(self.train),
            "validation": len(self.validation),
            "test": len(self.test),
        }
        return TrainingData(self.name, self.source, self.sha256, splits)
