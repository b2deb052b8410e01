import json
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf

from training import card, export
from training.errors import ArtifactError


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An exported model with its training record."""
    folder = tmp_path_factory.mktemp("models") / "1"
    folder.mkdir()
    model = keras.Sequential(
        [keras.Input((28, 28, 1)), keras.layers.Flatten(), keras.layers.Dense(3)]
    )
    serve = tf.function(
        lambda image: {"scores": model(tf.cast(image, tf.float32))}, input_signature=[export.IMAGES]
    )
    export.save(folder, {"serving_default": serve}, export.variables_of(model))
    card.TrainingRecord("shapes", 7, {"epochs": 2, "optimizer": "adam"}, {"loss": [2.0, 1.0]}, 3.5)\
        .write(folder)  # fmt: skip
    return folder


def made(folder: Path) -> card.Card:
    return card.make_card(
        folder,
        task="image_classification",
        description="Tells shapes apart.",
        labels=["circle", "square", "triangle"],
        preprocessing=card.ImagePreprocessing(card.Framing("ink", box=20)),
        training_data=[card.TrainingData("shapes", "made up", "0" * 64, {"train": 5})],
        metrics=[card.Metric("accuracy", "test", 0.5, baseline=card.Baseline("guessing", 0.33))],
    )


def test_the_card_has_the_agreed_form(folder: Path) -> None:
    made(folder).write(folder)
    content = json.loads((folder / "model.json").read_text())
    assert list(content) == [
        "name", "version", "task", "description", "created", "labels", "signatures",
        "preprocessing", "training_data", "hyperparameters", "metrics", "libraries", "files",
    ]  # fmt: skip
    assert (content["name"], content["version"]) == ("shapes", 7)
    assert content["preprocessing"] == {
        "type": "image",
        "height": 28,
        "width": 28,
        "channels": 1,
        "scale": 1.0,
        "offset": 0.0,
        "framing": {"type": "ink", "box": 20},
    }
    assert content["metrics"] == [
        {
            "name": "accuracy",
            "dataset": "test",
            "value": 0.5,
            "higher_is_better": True,
            "baseline": {"name": "guessing", "value": 0.33},
            "note": None,
        }
    ]
    assert set(content["libraries"]) == {"python", "tensorflow", "keras", "numpy"}


def test_signatures_are_read_from_the_model(folder: Path) -> None:
    assert made(folder).signatures == {
        "serving_default": card.Signature(
            inputs={"image": card.Tensor("uint8", [None, 28, 28, 1])},
            outputs={"scores": card.Tensor("float32", [None, 3])},
        )
    }


def test_every_file_of_the_model_is_hashed_and_no_other(folder: Path) -> None:
    (folder / "picture.png").write_bytes(b"")
    files = made(folder).files
    assert {"saved_model.pb", "variables/variables.index"} <= set(files)
    assert not {name for name in files if name.endswith((".json", ".png"))}
    before = files["saved_model.pb"]
    path = folder / "saved_model.pb"
    content = path.read_bytes()
    path.write_bytes(content + b"\0")
    assert card.file_hashes(folder)["saved_model.pb"] != before
    path.write_bytes(content)


def test_the_training_record_survives_a_round_trip(tmp_path: Path) -> None:
    record = card.TrainingRecord("x", 1, {"seed": 0}, {"loss": [1.0]}, 2.0, {"accuracy": 0.9})
    record.write(tmp_path)
    assert card.TrainingRecord.read(tmp_path) == record


@pytest.mark.parametrize("content", [None, "{cut off"])
def test_a_folder_without_a_record_is_explained(tmp_path: Path, content: str | None) -> None:
    if content is not None:
        (tmp_path / "training.json").write_text(content)
    with pytest.raises(ArtifactError, match="train the model first"):
        card.TrainingRecord.read(tmp_path)


def test_text_preprocessing_has_the_agreed_form() -> None:
    assert vars(card.TextPreprocessing(256, [16, 256], head_tokens=64, normalization="a-rule")) == {
        "type": "text",
        "max_tokens": 256,
        "length_buckets": [16, 256],
        "head_tokens": 64,
        "normalization": "a-rule",
    }


def test_hashes_are_plain_sha256(folder: Path) -> None:
    import hashlib

    expected = hashlib.sha256((folder / "saved_model.pb").read_bytes()).hexdigest()
    assert card.file_hashes(folder)["saved_model.pb"] == expected
    assert np.all([len(each) == 64 for each in card.file_hashes(folder).values()])
