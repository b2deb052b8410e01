"""Small made-up data sets, so that no test here needs the network or minutes."""

from pathlib import Path

import numpy as np
import pytest

from training import export
from training.data import mnist
from training.data.images import ImageDataset, Images


@pytest.fixture
def cache_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache folder that the code under test uses."""
    folder = tmp_path / "cache"
    monkeypatch.setenv("TRIDENT_CACHE", str(folder))
    return folder


@pytest.fixture
def small_mnist(monkeypatch: pytest.MonkeyPatch) -> ImageDataset:
    """Pictures of a bar whose position is the label, instead of MNIST."""
    dataset = ImageDataset(
        name="MNIST",
        source="made up",
        sha256="0" * 64,
        train=bars(600, seed=1),
        validation=bars(100, seed=2),
        test=bars(120, seed=3),
    )
    monkeypatch.setattr(mnist, "load", lambda quick=False: dataset)
    return dataset


def golden_signatures(folder: Path) -> set[str]:
    """The signatures for which a model's folder has golden inputs and outputs."""
    with np.load(folder / "golden.npz") as file:
        sides = {tuple(key.split("/")[:2]) for key in file.files}
    return {name for name, side in sides if side == "inputs" and (name, "outputs") in sides}


@pytest.fixture
def unverified(monkeypatch: pytest.MonkeyPatch) -> None:
    """Skip the check in a fresh process, which takes seconds and has its own tests."""
    monkeypatch.setattr(export, "verify", lambda *_: None)


def bars(count: int, seed: int) -> Images:
    """Images of a noisy horizontal bar, the higher the lower its label."""
    random = np.random.default_rng(seed)
    labels = random.integers(0, 10, count)
    images = random.integers(0, 40, (count, 28, 28, 1), dtype=np.uint8)
    for image, label in zip(images, labels, strict=True):
        image[4 + 2 * label : 6 + 2 * label, 6:22] = random.integers(180, 256)
    return Images(images, labels.astype(np.int64))
