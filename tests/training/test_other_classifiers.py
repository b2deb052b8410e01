"""The classifiers of clothes and of photos: where they differ from that of digits."""

from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from tests.training.conftest import bars, golden_signatures
from training import artifact, cifar, fashion
from training.card import Card
from training.data import cifar as photos
from training.data import fashion as clothes
from training.data.images import ImageDataset, Images
from training.image_classifier.networks import LightOnDark, clothes_cnn, residual_cnn
from training.recipes import Recipe


def tints(count: int, seed: int) -> Images:
    """Noisy photos in one of ten tints, which is their label."""
    random = np.random.default_rng(seed)
    labels = random.integers(0, 10, count)
    colours = np.random.default_rng(0).integers(0, 200, (10, 1, 1, 3))
    noise = random.integers(0, 56, (count, 32, 32, 3))
    return Images((colours[labels] + noise).astype(np.uint8), labels.astype(np.int64))


def dataset(name: str, train: Images, test: Images) -> ImageDataset:
    return ImageDataset(name, "made up", "0" * 64, train, train[:100], test)


def check(card: Card, folder: Path, test: Images, least_accuracy: float) -> None:
    figures = {metric.name: metric for metric in card.metrics}
    assert figures["accuracy"].value > least_accuracy
    assert figures["accuracy"].baseline is not None
    assert golden_signatures(folder) == {"serving_default"}
    answers = artifact.call(artifact.load(folder), "serving_default", {"image": test.images})
    right = answers["probabilities"].argmax(axis=1) == test.labels
    assert right.mean() == pytest.approx(figures["accuracy"].value)


def test_clothes_are_told_apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Bars stand for them. The artifact takes their negatives, too; a fresh process loads it."""
    data = dataset("Fashion-MNIST", bars(600, seed=1), bars(120, seed=2))
    monkeypatch.setattr(clothes, "load", lambda quick: data)
    folder = tmp_path / "fashion" / "1"
    card = fashion.train(Recipe(epochs=8, batch_size=32, learning_rate=5e-3), folder)
    assert (card.name, card.preprocessing.type) == ("fashion", "image")
    assert card.labels is not None
    assert card.labels[9] == "ankle boot"
    check(card, folder, data.test, least_accuracy=0.3)
    negatives = {"image": 255 - data.test.images}
    loaded = artifact.load(folder)
    found = artifact.call(loaded, "serving_default", negatives)["probabilities"]
    wanted = artifact.call(loaded, "serving_default", {"image": data.test.images})["probabilities"]
    np.testing.assert_allclose(found, wanted, rtol=1e-3, atol=1e-5)


def test_only_a_picture_with_light_corners_is_turned_into_its_negative() -> None:
    shoe = np.zeros((4, 28, 28, 1), np.float32)
    shoe[:, 10:20] = 0.8  # from side to side: the corners stay dark
    shoe[2:] = 1 - shoe[2:]
    shoe[3, 0, 0] = 0.3  # something dark in a corner
    answer = LightOnDark()(tf.constant(shoe)).numpy()
    np.testing.assert_array_equal(answer[:2], shoe[:2])
    np.testing.assert_allclose(answer[2:], 1 - shoe[2:])


def test_the_network_for_clothes_is_that_for_digits() -> None:
    assert clothes_cnn().count_params() == 34_826


@pytest.mark.usefixtures("unverified")
def test_photos_are_told_apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = dataset("CIFAR-10", tints(400, seed=1), tints(60, seed=2))
    monkeypatch.setattr(photos, "load", lambda quick: data)
    folder = tmp_path / "cifar" / "1"
    card = cifar.train(Recipe(epochs=4, batch_size=32, learning_rate=5e-3), folder)
    assert card.signatures["serving_default"].inputs["image"].shape == [None, 32, 32, 3]
    assert card.labels is not None
    assert card.labels[0] == "airplane"
    check(card, folder, data.test, least_accuracy=0.3)
    size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    assert size < 3_000_000


def test_the_residual_network_is_of_the_size_it_says() -> None:
    network = residual_cnn()
    assert network.count_params() == pytest.approx(275_000, rel=0.01)
    assert network.output_shape == (None, 10)
