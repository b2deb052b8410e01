import json
from pathlib import Path

import numpy as np
import pytest

from training import artifact, digits
from training.card import Card
from training.data.images import ImageDataset
from training.errors import ExportError
from training.image_classifier.learning import calibrate, pixels, train_plainly
from training.image_classifier.networks import reference_cnn
from training.recipes import Recipe

RECIPE = Recipe(epochs=8, batch_size=32, learning_rate=5e-3)


@pytest.fixture
def target(tmp_path: Path) -> Path:
    return tmp_path / "digits" / "3"


@pytest.fixture
def card(target: Path, small_mnist: ImageDataset, unverified: None) -> Card:
    return digits.train(RECIPE, target)


def test_the_architecture_is_the_reference() -> None:
    model = reference_cnn()
    assert model.count_params() == 34_826
    assert [type(layer).__name__ for layer in model.layers] == [
        "Conv2D", "MaxPooling2D", "Conv2D", "MaxPooling2D", "Flatten", "Dense",
    ]  # fmt: skip


def test_training_makes_a_model_a_card_and_pictures(
    card: Card, target: Path, small_mnist: ImageDataset
) -> None:
    """After a few epochs on bars the accuracy is far better than a guess (0.1)."""
    figures = {metric.name: metric for metric in card.metrics}
    assert figures["accuracy"].value > 0.5
    assert figures["accuracy"].baseline is not None
    assert card.version == 3
    assert card.labels == list("0123456789")
    assert {path.name for path in target.glob("*.png")} == {
        "training_curves.png", "confusion_matrix.png", "calibration_curve.png", "mistakes.png",
    }  # fmt: skip
    answers = artifact.call(
        artifact.load(target), "serving_default", {"image": small_mnist.test.images}
    )
    right = answers["probabilities"].argmax(axis=1) == small_mnist.test.labels
    assert right.mean() == pytest.approx(figures["accuracy"].value)
    assert "golden.npz" in card.files
    assert answers["probabilities"].sum(axis=1) == pytest.approx(np.ones(120), abs=1e-5)

    written = (target / "model.json").read_text()
    (target / "model.json").unlink()
    (target / "mistakes.png").unlink()
    digits.evaluate(target)
    assert (target / "model.json").read_text() == written
    assert (target / "mistakes.png").is_file()
    assert json.loads(written)["metrics"][0]["value"] == figures["accuracy"].value


def test_a_failed_export_leaves_the_old_version(
    target: Path, small_mnist: ImageDataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    target.mkdir(parents=True)
    (target / "old").write_text("old")

    def fail(*_: object) -> None:
        raise ExportError("answers something else")

    monkeypatch.setattr("training.export.verify", fail)
    with pytest.raises(ExportError):
        digits.train(Recipe(epochs=1, batch_size=64, learning_rate=1e-3, quick=True), target)
    assert [path.name for path in target.iterdir()] == ["old"]
    assert [path.name for path in target.parent.iterdir()] == ["3"]


def test_calibration_changes_no_decision(small_mnist: ImageDataset) -> None:
    model = reference_cnn()
    last = model.layers[-1]
    last.set_weights([weights * 30 for weights in last.get_weights()])
    images = pixels(small_mnist.test.images)
    before = model.predict(images, verbose=0)
    calibrate(model, small_mnist.validation)
    after = model.predict(images, verbose=0)
    assert (before.argmax(axis=1) == after.argmax(axis=1)).all()
    assert after.max(axis=1).mean() < before.max(axis=1).mean()


def test_a_seed_repeats_a_training(small_mnist: ImageDataset) -> None:
    assert train_plainly(digits.DIGITS, small_mnist, seed=4) == pytest.approx(
        train_plainly(digits.DIGITS, small_mnist, seed=4)
    )
