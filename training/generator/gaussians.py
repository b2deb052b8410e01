"""The baseline: a normal distribution of each class, in the space of principal components."""

import numpy as np
from sklearn.decomposition import PCA

from training.data.images import Images

COMPONENTS = (10, 20, 40, 80, 160)
"""The numbers of components that are tried."""


class Gaussians:
    """The distributions of the classes of `images`, all components of which are computed once."""

    def __init__(self, images: Images) -> None:
        rows = images.images.reshape(len(images), -1) / np.float32(255)
        most = min(max(COMPONENTS), len(rows))
        self._analysis = PCA(most, svd_solver="covariance_eigh").fit(rows)
        self._codes = self._analysis.transform(rows)
        self._labels = images.labels

    def draw(self, labels: np.ndarray, components: int, seed: int = 0) -> np.ndarray:
        """An image for each label [n], uint8 [n, 28, 28, 1], by the first so many components."""
        random = np.random.default_rng(seed)
        drawn = np.zeros((len(labels), self._codes.shape[1]), np.float32)
        for label in np.unique(labels):
            codes = self._codes[self._labels == label, :components]
            wanted = labels == label
            drawn[wanted, : codes.shape[1]] = random.multivariate_normal(
                codes.mean(axis=0), np.cov(codes, rowvar=False), wanted.sum(), method="eigh"
            )
        pixels = self._analysis.inverse_transform(drawn)
        images: np.ndarray = np.rint(255 * np.clip(pixels, 0, 1)).astype(np.uint8)
        return images.reshape(-1, 28, 28, 1)
