"""`python -m training attack`: figures in the card, a picture, and messages."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from click.testing import CliRunner, Result

from training import cli, digits, studies
from training.card import Metric, TrainingRecord
from training.data.images import ImageDataset
from training.digits import DIGITS
from training.image_classifier import evaluation
from training.image_classifier.learning import export_model, pixels
from training.image_classifier.robustness import in_8_bits, spread
from training.recipes import RECIPES

FIGURES = {
    f"accuracy_under_{each}"
    for each in (
        "fgsm", "pgd", "square", "every_attack", "pgd_in_8_bits",
        "rotation", "blur", "noise", "elastic", "contrast",
    )
}  # fmt: skip


def run(*arguments: str) -> Result:
    return CliRunner().invoke(cli.main, list(arguments))


def read_card(folder: Path) -> dict[str, Any]:
    card: dict[str, Any] = json.loads((folder / "model.json").read_text())
    return card


@pytest.fixture
def few_pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave out the pictures that every evaluation draws: they take seconds."""
    monkeypatch.setattr(evaluation, "_write_pictures", lambda *_: None)


@pytest.mark.usefixtures("small_mnist", "unverified", "few_pictures")
def test_a_robust_version_is_trained_and_attacked(tmp_path: Path) -> None:
    of_first = [Metric("accuracy_under_pgd", "MNIST test", 0.25)]
    studies.write(tmp_path / "digits" / "1", "robustness", of_first)
    options = ["--quick", "--adversarial", "0.1", "--version", "2", "--output", str(tmp_path)]
    result = run("digits", *options)
    assert result.exit_code == 0, result.output
    folder = tmp_path / "digits" / "2"
    hyperparameters = read_card(folder)["hyperparameters"]
    assert hyperparameters["adversarial"] == 0.1
    assert "attacked pictures" in hyperparameters["adversarial_training"]

    result = run("attack", "digits", str(folder))
    assert result.exit_code == 0, result.output
    assert "0.25 (version 1)" in " ".join(result.output.replace("│", " ").split())
    assert (folder / "robustness.png").read_bytes().startswith(b"\x89PNG")
    card = read_card(folder)
    figures = {metric["name"]: metric for metric in card["metrics"]}
    assert figures.keys() > FIGURES
    baselines = {name: figures[name]["baseline"] for name in FIGURES}
    assert baselines.pop("accuracy_under_pgd") == {"name": "version 1", "value": 0.25}
    assert set(baselines.values()) == {None}
    assert "0.02 " in figures["accuracy_under_pgd"]["note"]
    digits.evaluate(folder)
    assert read_card(folder) == card


def test_a_model_of_another_network_is_refused(
    tmp_path: Path, small_mnist: ImageDataset, unverified: None
) -> None:
    layers = [keras.layers.Flatten(), keras.layers.Dense(10, "softmax")]
    folder = tmp_path / "digits" / "1"
    folder.mkdir(parents=True)
    other = keras.Sequential([keras.Input((28, 28, 1)), *layers])
    export_model(DIGITS, other, folder, small_mnist.test.images[:2])
    TrainingRecord("digits", 1, asdict(RECIPES["digits"].quickly()), {}, 1.0).write(folder)
    result = run("attack", "digits", str(folder))
    assert result.exit_code == 1
    assert "weights of another network" in result.output


def test_only_classifiers_are_attacked() -> None:
    result = run("attack", "embedding")
    assert result.exit_code == 2
    assert "no attack on embedding" in result.output
    assert run("embedding", "--adversarial", "0.1").exit_code == 2


def test_version_1_is_attacked_if_none_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    result = run("attack", "fashion")
    assert result.exit_code == 1
    assert result.output.startswith("Error: models/fashion/1 is not a model")


def test_a_version_that_is_not_there_is_said(tmp_path: Path) -> None:
    result = run("attack", "digits", str(tmp_path / "nothing"))
    assert result.exit_code == 1
    assert "not a model that was trained here" in result.output


def test_in_8_bits_no_value_is_further_away() -> None:
    images = np.array([[0, 10, 100, 255]], np.uint8)
    attacked = np.clip(pixels(images) + np.array([0.1, -0.1, 0.1, 0.1], np.float32), 0, 1)
    np.testing.assert_array_equal(in_8_bits(attacked, images, 0.1), [[25, 0, 125, 255]])
    np.testing.assert_array_equal(in_8_bits(pixels(images), images, 0.1), images)


@pytest.mark.parametrize(("total", "count"), [(10_000, 1_000), (10, 20), (7, 2), (5, 5)])
def test_pictures_are_spread_over_all(total: int, count: int) -> None:
    rows = spread(total, count)
    assert len(set(rows)) == min(total, count)
    assert rows[-1] < total
    assert rows[-1] >= (total - 1) * 0.5 - 1
