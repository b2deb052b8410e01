import gzip
from pathlib import Path
from typing import NoReturn

import numpy as np
import pytest

from training.data import cache, fashion, keras_loader
from training.errors import DownloadError

IMAGES = np.random.default_rng(0).integers(0, 256, (5, 28, 28), dtype=np.uint8)
IDX = gzip.compress(
    b"".join(number.to_bytes(4, "big") for number in (2051, 5, 28, 28)) + IMAGES.tobytes()
)


@pytest.fixture(autouse=True)
def pinned(monkeypatch: pytest.MonkeyPatch, cache_folder: Path) -> None:
    monkeypatch.setattr(fashion, "SHA256", {"x_test": cache.hash_of(IMAGES)})


def unreachable(_: str) -> NoReturn:
    raise DownloadError("no answer")


def test_installed_files_are_read(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "t10k-images-idx3-ubyte.gz").write_bytes(IDX)
    monkeypatch.setenv("TRIDENT_FASHION_MNIST", str(tmp_path))
    monkeypatch.setattr(keras_loader, "load", unreachable)
    assert np.array_equal(fashion.load_test_images()[..., 0], IMAGES)


def test_kerass_loader_is_asked_otherwise(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("TRIDENT_FASHION_MNIST", str(tmp_path))
    monkeypatch.setattr(keras_loader, "load", lambda _: {"x_test": IMAGES, "x_train": IMAGES})
    assert fashion.load_test_images().shape == (5, 28, 28, 1)


def test_without_both_the_message_names_both(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("TRIDENT_FASHION_MNIST", str(tmp_path))
    monkeypatch.setattr(keras_loader, "load", unreachable)
    with pytest.raises(DownloadError, match="dataset-fashion-mnist"):
        fashion.load_test_images()
