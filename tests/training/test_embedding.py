from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from tests.training.conftest import bars, golden_signatures
from training import artifact, embedding
from training.card import Card
from training.contrastive import pair_loss
from training.data import fashion
from training.data.images import ImageDataset, Images
from training.embedding import evaluation
from training.errors import DownloadError
from training.recipes import Recipe

RECIPE = Recipe(epochs=3, batch_size=32, learning_rate=2e-3)
CLOTHES = np.random.default_rng(5).integers(0, 256, (50, 28, 28, 1), dtype=np.uint8)


@pytest.fixture
def clothes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Noise instead of Fashion-MNIST: more unusual than any bar."""
    noise = Images(CLOTHES, np.zeros(len(CLOTHES), np.int64))
    clothes = ImageDataset("Fashion-MNIST", "made up", "0" * 64, noise, noise, noise)
    monkeypatch.setattr(fashion, "load", lambda: clothes)


@pytest.fixture
def no_clothes(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse() -> None:
        raise DownloadError("not to be had")

    monkeypatch.setattr(fashion, "load", refuse)


def train(folder: Path) -> Card:
    return embedding.train(RECIPE, folder / "1")


@pytest.mark.usefixtures("clothes", "unverified")
def test_training_makes_a_model_a_card_and_pictures(
    tmp_path: Path, small_mnist: ImageDataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(evaluation, "flattened", lambda codes: codes[:, :2])  # seconds faster
    card = train(tmp_path)
    figures = {metric.name: metric.value for metric in card.metrics}
    assert figures["novelty_auroc"] > 0.95
    assert figures["neighbour_accuracy"] > 0.5
    assert all(metric.baseline for metric in card.metrics)
    assert card.labels is None
    assert {path.name for path in (tmp_path / "1").glob("*.png")} == {
        "training_curves.png", "reconstructions.png", "code_map.png", "error_histogram.png",
    }  # fmt: skip

    assert golden_signatures(tmp_path / "1") == {"serving_default", "reconstruct"}
    assert "golden.npz" in card.files
    loaded = artifact.load(tmp_path / "1")
    images = small_mnist.test.images
    served = artifact.call(loaded, "serving_default", {"image": images})
    made = artifact.call(loaded, "reconstruct", {"image": images})["reconstruction"]
    assert served["embedding"].shape == (120, 32)
    np.testing.assert_allclose(
        served["reconstruction_error"],
        np.square(made - images / 255).mean(axis=(1, 2, 3)),
        rtol=1e-4,
    )
    assert served["reconstruction_error"].mean() == pytest.approx(figures["reconstruction_error"])

    def refuse() -> None:
        raise DownloadError("not to be had")

    monkeypatch.setattr(fashion, "load", refuse)
    without = embedding.evaluate(tmp_path / "1")
    assert "novelty_auroc" not in {metric.name for metric in without.metrics}
    assert "not computed" in (without.metrics[0].note or "")
    assert without.metrics[0].value == pytest.approx(figures["reconstruction_error"])


@pytest.mark.usefixtures("no_clothes")
def test_missing_clothes_are_told_and_not_made_up(caplog: pytest.LogCaptureFixture) -> None:
    assert evaluation.load_clothes() is None
    assert "not computed" in caplog.text


def test_the_pair_loss_by_hand() -> None:
    codes = tf.constant([[0.0], [2.0], [1.0], [2.0]])
    # Squared distances of 0 and 2 (rows) to their pairs 1 and 2: [[1, 4], [1, 0]].
    rows = [np.log(np.exp(-1) + np.exp(-4)) + 1, np.log(np.exp(-1) + 1)]
    columns = [np.log(2 * np.exp(-1)) + 1, np.log(np.exp(-4) + 1)]
    assert pair_loss(codes).numpy() == pytest.approx(np.mean(rows + columns), rel=1e-5)


def test_pairs_that_coincide_far_from_the_rest_cost_nothing() -> None:
    codes = tf.constant([[0.0, 0.0], [100.0, 0.0], [0.0, 100.0]])
    assert pair_loss(tf.concat([codes, codes], 0)).numpy() == pytest.approx(0, abs=1e-6)


def test_a_map_keeps_neighbours() -> None:
    images = bars(60, seed=9)
    codes = np.eye(10)[images.labels] * 50 + np.random.default_rng(0).normal(size=(60, 10))
    points = evaluation.flattened(codes.astype(np.float32))
    same = images.labels[:, None] == images.labels[None]
    distances = np.linalg.norm(points[:, None] - points[None], axis=-1)
    assert distances[same].mean() < distances[~same].mean()
