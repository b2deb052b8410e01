import gzip
from pathlib import Path
from typing import NoReturn

import numpy as np
import pytest

from training.data import cache, fashion, keras_loader
from training.errors import DownloadError
from training.recipes import QUICK_EXAMPLES

RANDOM = np.random.default_rng(0)
TEST = 5
ARRAYS = {
    "x_train": RANDOM.integers(0, 256, (10_004, 28, 28), dtype=np.uint8),
    "y_train": RANDOM.integers(0, 10, 10_004, dtype=np.uint8),
    "x_test": RANDOM.integers(0, 256, (TEST, 28, 28), dtype=np.uint8),
    "y_test": RANDOM.integers(0, 10, TEST, dtype=np.uint8),
}


def idx(array: np.ndarray) -> bytes:
    """An IDX file (LeCun, https://yann.lecun.com/exdb/mnist), compressed."""
    header = bytes([0, 0, 8, array.ndim])
    sizes = b"".join(size.to_bytes(4, "big") for size in array.shape)
    return gzip.compress(header + sizes + array.tobytes(), 1)


@pytest.fixture(autouse=True)
def pinned(monkeypatch: pytest.MonkeyPatch, cache_folder: Path) -> None:
    hashes = {name: cache.hash_of(array) for name, array in ARRAYS.items()}
    monkeypatch.setattr(fashion, "SHA256", hashes)


def unreachable(_: str) -> NoReturn:
    raise DownloadError("no answer")


def test_installed_files_are_read(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name, array in ARRAYS.items():
        (tmp_path / fashion.FILES[name]).write_bytes(idx(array))
    monkeypatch.setenv("TRIDENT_FASHION_MNIST", str(tmp_path))
    monkeypatch.setattr(keras_loader, "load", unreachable)
    data = fashion.load()
    assert np.array_equal(data.test.images[..., 0], ARRAYS["x_test"])
    assert data.test.labels.tolist() == ARRAYS["y_test"].tolist()
    assert (len(data.train), len(data.validation)) == (4, 10_000)
    assert data.train.labels.tolist() == ARRAYS["y_train"][:4].tolist()
    assert len(fashion.load(quick=True).validation) == QUICK_EXAMPLES


def test_kerass_loader_is_asked_otherwise(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("TRIDENT_FASHION_MNIST", str(tmp_path))
    monkeypatch.setattr(keras_loader, "load", lambda _: ARRAYS)
    assert fashion.load().test.images.shape == (TEST, 28, 28, 1)


def test_without_both_the_message_names_both(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("TRIDENT_FASHION_MNIST", str(tmp_path))
    monkeypatch.setattr(keras_loader, "load", unreachable)
    with pytest.raises(DownloadError, match="dataset-fashion-mnist"):
        fashion.load()
