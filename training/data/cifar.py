"""CIFAR-10: 60,000 colour photos of animals and vehicles (Krizhevsky, 2009)."""

import io
import tarfile
from collections.abc import Mapping

import numpy as np

from training.data import cache
from training.data.download import download
from training.data.images import ImageDataset, Images
from training.data.unpickling import load_arrays
from training.errors import UnsafePickleError
from training.recipes import QUICK_EXAMPLES

FILE_NAME = "cifar-10-python.tar.gz"
URL = f"https://www.cs.toronto.edu/~kriz/{FILE_NAME}"
SHA256 = "6d958be074577803d12ecdefd02955f39262c83c16fe9348329d7fe0b5c001ce"
"""Of the archive, as Keras's own loader has it."""

TRAIN_FILES = [f"data_batch_{number}" for number in range(1, 6)]
TEST_FILE = "test_batch"
VALIDATION_SHARE = 0.1
"""The last training photos are for validation: 45,000 and 5,000, as in the paper on ResNets."""


def load(*, quick: bool = False) -> ImageDataset:
    """CIFAR-10 from the cache; it is fetched first if necessary.

    Args:
        quick: with only the first `QUICK_EXAMPLES` for training and validation.

    Raises:
        TrainingError: it can't be fetched or cached; the message says what to do.
    """
    path = cache.folder() / FILE_NAME
    archive = cache.file(FILE_NAME, SHA256, lambda: download(URL, path))
    data = split(decode(archive))
    return data.shortened(QUICK_EXAMPLES) if quick else data


def split(parts: Mapping[str, Images]) -> ImageDataset:
    """The data set of the archive's files, by their names."""
    train = Images(
        np.concatenate([parts[name].images for name in TRAIN_FILES]),
        np.concatenate([parts[name].labels for name in TRAIN_FILES]),
    )
    border = len(train) - round(len(train) * VALIDATION_SHARE)
    return ImageDataset(
        name="CIFAR-10",
        source=URL,
        sha256=SHA256,
        train=train[:border],
        validation=train[border:],
        test=parts[TEST_FILE],
    )


def decode(archive: bytes) -> dict[str, Images]:
    """The photos in the archive, uint8 [n, 32, 32, 3], by the names of its files.

    Raises:
        UnsafePickleError: the archive doesn't have the expected form.
    """
    try:
        with tarfile.open(fileobj=io.BytesIO(archive), mode="r:gz") as tar:
            return {name: _images(_member(tar, name)) for name in [*TRAIN_FILES, TEST_FILE]}
    except (tarfile.TarError, OSError, LookupError, TypeError, ValueError) as error:
        raise UnsafePickleError(f"{FILE_NAME} doesn't have the expected form: {error}") from error


def _member(tar: tarfile.TarFile, name: str) -> bytes:
    file = tar.extractfile(f"cifar-10-batches-py/{name}")
    if file is None:
        raise ValueError(f"{name} is not a file")
    return file.read()


def _images(pickled: bytes) -> Images:
    """A file has a row of 3,072 numbers for each photo: its red plane, its green, its blue."""
    content = load_arrays(pickled)
    planes = content["data"].reshape(-1, 3, 32, 32)
    return Images(planes.transpose(0, 2, 3, 1), np.array(content["labels"], np.int64))
