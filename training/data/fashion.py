"""Fashion-MNIST: 70,000 pictures of clothes in MNIST's format (Xiao, Rasul, Vollgraf, 2017).

They come from Keras's own loader, or from the Debian package `dataset-fashion-mnist` if that is
installed.
"""

import gzip
import os
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from training.data import cache, keras_loader
from training.data.images import ImageDataset, split_like_mnist
from training.errors import DownloadError
from training.recipes import QUICK_EXAMPLES

SHA256 = {
    "x_train": "91e0635dd76ad1f9e56a6ecdcd1633dfbc548336091de8614a7d84ab568a66a5",
    "y_train": "eb8e09c0625beaa3fadd2676ed1d33827c2139a854260eb4d6e0f171b768a311",
    "x_test": "01a86bccdcb5b6f42a06ca416619677ab342ad7142bd140af501f7c4aac22783",
    "y_test": "dd0133ced96a31972a2efe752d7ce29b9f64aae6f5dbcb5e74b398e8aa15c864",
}
DEBIAN_FOLDER = Path("/usr/share/datasets/fashion-mnist")
FILES = {
    "x_train": "train-images-idx3-ubyte.gz",
    "y_train": "train-labels-idx1-ubyte.gz",
    "x_test": "t10k-images-idx3-ubyte.gz",
    "y_test": "t10k-labels-idx1-ubyte.gz",
}


def load(*, quick: bool = False) -> ImageDataset:
    """Fashion-MNIST from the cache; it is fetched first if necessary.

    Args:
        quick: with only the first `QUICK_EXAMPLES` for training and validation.

    Raises:
        DownloadError: neither source has it; the message names both.
        WrongHashError, DiskFullError, NotWritableError: as for every data set.
    """
    arrays = cache.arrays("fashion-mnist.npz", SHA256, _fetch)
    data = split_like_mnist(
        arrays,
        name="Fashion-MNIST",
        source="keras.datasets.fashion_mnist, or Debian's dataset-fashion-mnist",
        sha256=SHA256["x_train"],
    )
    return data.shortened(QUICK_EXAMPLES) if quick else data


def _fetch() -> Mapping[str, np.ndarray]:
    folder = Path(os.environ.get("TRIDENT_FASHION_MNIST", DEBIAN_FOLDER))
    if all((folder / file).is_file() for file in FILES.values()):
        return {name: decode((folder / file).read_bytes()) for name, file in FILES.items()}
    try:
        return keras_loader.load("fashion_mnist")
    except DownloadError as error:
        raise DownloadError(
            "Fashion-MNIST is not available: Keras's host does not answer, and the Debian "
            "package dataset-fashion-mnist is not installed. If you have its files elsewhere, "
            "set TRIDENT_FASHION_MNIST to their folder."
        ) from error


def decode(compressed: bytes) -> np.ndarray:
    """The uint8 array in a gzip-compressed IDX file: images [n, 28, 28], or labels [n].

    The file begins with two zeros, the type (8) and the number of dimensions, each a byte, and the
    length of each dimension in four bytes.
    """
    content = gzip.decompress(compressed)
    dimensions = content[3]
    shape = np.frombuffer(content, ">u4", dimensions, offset=4)
    return np.frombuffer(content, np.uint8, offset=4 + 4 * dimensions).reshape(shape)
