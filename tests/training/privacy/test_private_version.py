"""A version that is trained privately, and what is found out about it: one run, on bars."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.training.conftest import bars
from training import digits, export
from training.card import Card, Metric, TrainingRecord
from training.data import mnist
from training.data.images import ImageDataset
from training.image_classifier import privacy
from training.privacy.learning import CLIP_NORM
from training.recipes import Recipe

RECIPE = Recipe(epochs=6, batch_size=60, learning_rate=5e-3, private=8.0)


@dataclass
class Version:
    folder: Path
    trained: Card
    studied: Card

    @property
    def figures(self) -> dict[str, Metric]:
        return {metric.name: metric for metric in self.studied.metrics}


@pytest.fixture(scope="module")
def version(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Version]:
    folder = tmp_path_factory.mktemp("digits") / "3"
    parts = [bars(600, seed=1), bars(100, seed=2), bars(120, seed=3)]
    data = ImageDataset("MNIST", "made up", "0" * 64, *parts)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(mnist, "load", lambda quick=False: data)
        patch.setattr(export, "verify", lambda *_: None)
        patch.setattr(privacy, "MODELS", 3)
        patch.setattr(privacy, "EPOCHS", 2)
        yield Version(folder, digits.train(RECIPE, folder), digits.membership(folder))


def test_it_is_good_and_beside_the_same_network_without_privacy(version: Version) -> None:
    accuracy = version.figures["accuracy"]
    assert accuracy.value > 0.5
    assert accuracy.baseline is not None
    assert accuracy.baseline.value > 0.5


def test_its_card_has_the_promise_and_how_it_is_kept(version: Version) -> None:
    made = version.trained.hyperparameters
    assert made["private"] == 8.0
    assert 7.9 < float(made["epsilon"]) <= 8.0
    assert made["delta"] == 1e-5
    assert (made["sampling_rate"], made["steps"], made["clip_norm"]) == (0.1, 60, CLIP_NORM)
    assert float(made["noise_multiplier"]) > 0.3
    assert "added or removed" in str(made["protected"])
    assert "validation" in str(made["not_protected"])
    assert made["augmentation"] == "none"


def test_its_record_has_no_figures_of_the_training_examples(version: Version) -> None:
    assert set(TrainingRecord.read(version.folder).history) == {"val_accuracy", "val_loss"}


@pytest.mark.parametrize("attack", ["loss", "likelihood_ratio"])
@pytest.mark.parametrize("name", ["advantage", "true_positives"])
def test_both_attacks_stand_beside_chance(version: Version, attack: str, name: str) -> None:
    metric = version.figures[f"membership_{name}_by_{attack}"]
    assert 0 <= metric.value <= 1
    assert not metric.higher_is_better
    assert metric.baseline is not None
    assert metric.baseline.name == "chance"


def test_the_card_says_what_was_attacked(version: Version) -> None:
    by_ratio = version.figures["membership_advantage_by_likelihood_ratio"]
    assert by_ratio.note is not None
    assert "its training with 2 epochs on halves" in by_ratio.note
    assert "3 targets with 2 shadow models" in by_ratio.note
    assert "95% interval" in by_ratio.note


def test_the_study_stays_when_the_card_is_written_again(version: Version) -> None:
    assert digits.evaluate(version.folder).metrics == version.studied.metrics
