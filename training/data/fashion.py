"""Fashion-MNIST: pictures of clothes in MNIST's format (Xiao, Rasul, Vollgraf, 2017).

A model for digits should find them unusual. They come from Keras's own loader, or from the Debian
package `dataset-fashion-mnist` if that is installed.
"""

import gzip
import os
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from training.data import cache, keras_loader
from training.errors import DownloadError

SHA256 = {"x_test": "01a86bccdcb5b6f42a06ca416619677ab342ad7142bd140af501f7c4aac22783"}
DEBIAN_FOLDER = Path("/usr/share/datasets/fashion-mnist")
IDX_HEADER = 16
"""Bytes before the pixels of an IDX file of images: magic number, count, height, width."""


def load_test_images() -> np.ndarray:
    """The 10,000 test images: uint8 [10000, 28, 28, 1].

    Raises:
        DownloadError: neither source has it; the message names both.
        WrongHashError, DiskFullError, NotWritableError: as for every data set.
    """
    return cache.arrays("fashion-mnist.npz", SHA256, _fetch)["x_test"][..., np.newaxis]


def _fetch() -> Mapping[str, np.ndarray]:
    installed = _folder() / "t10k-images-idx3-ubyte.gz"
    if installed.is_file():
        return {"x_test": decode(installed.read_bytes())}
    try:
        return keras_loader.load("fashion_mnist")
    except DownloadError as error:
        raise DownloadError(
            "Fashion-MNIST is not available: Keras's host does not answer, and the Debian "
            "package dataset-fashion-mnist is not installed. If you have its files elsewhere, "
            "set TRIDENT_FASHION_MNIST to their folder."
        ) from error


def _folder() -> Path:
    return Path(os.environ.get("TRIDENT_FASHION_MNIST", DEBIAN_FOLDER))


def decode(compressed: bytes) -> np.ndarray:
    """Images out of a gzip-compressed IDX file: uint8 [n, 28, 28]."""
    pixels = np.frombuffer(gzip.decompress(compressed), np.uint8, offset=IDX_HEADER)
    return pixels.reshape(-1, 28, 28)
