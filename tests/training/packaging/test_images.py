"""Classifiers of pictures, from a model to a version that takes pixels."""

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from tests.training.packaging.conftest import Package, classifier
from training.errors import PackagingError


def test_a_model_gets_pixels_in_the_range_that_it_was_trained_on(
    package: Package, plain: Any, pictures: np.ndarray
) -> None:
    for value_range, pixels in (
        (None, pictures / 255),
        ("-1..1", pictures / 127.5 - 1),
        ("0..255", pictures),
    ):
        packaged = package(plain, value_range=value_range)
        found = packaged.answer(image=pictures)["probabilities"]
        wanted = plain.predict(pixels.astype(np.float32), verbose=0)
        np.testing.assert_allclose(found, wanted, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("is_told", [True, False])
def test_what_a_model_does_in_training_alone_is_left_out(
    package: Package, pictures: np.ndarray, is_told: bool
) -> None:
    """Keras tells a model so only if its `call` has the argument."""
    inner = classifier(keras.layers.Dropout(0.9), activation="softmax")

    class Told(keras.Model):  # type: ignore[misc]
        def call(self, images: Any, training: bool = True) -> Any:
            return inner(images, training=training)

    class Untold(keras.Model):  # type: ignore[misc]
        def call(self, images: Any) -> Any:
            return inner(images)

    model = Told() if is_told else Untold()
    wanted = model.predict(pictures / np.float32(255), verbose=0)
    found = package(model).answer(image=pictures)["probabilities"]
    np.testing.assert_allclose(found, wanted, rtol=1e-4, atol=1e-5)


def test_what_is_proposed_is_said_with_the_way_to_change_it(package: Package, plain: Any) -> None:
    text = package(plain).text
    assert "image_classification" in text
    assert "--task" in text
    assert "0..1" in text
    assert "--range -1..1 or --range 0..255" in text
    assert "32 x 32 pixels, in colour" in text
    assert '"0" to "2"' in text
    assert "--labels" in text
    assert "softmax" not in text


def test_the_card_says_what_the_service_needs(package: Package, plain: Any) -> None:
    card = package(plain, labels=["a", "b", "c"], version=4).card
    assert (card["name"], card["version"], card["task"]) == ("mine", 4, "image_classification")
    assert card["labels"] == ["a", "b", "c"]
    assert card["preprocessing"] == {
        "framing": {"type": "resize", "box": None},
        "height": 32,
        "width": 32,
        "channels": 3,
        "scale": 1.0,
        "offset": 0.0,
        "type": "image",
    }
    assert card["signatures"] == {
        "serving_default": {
            "inputs": {"image": {"dtype": "uint8", "shape": [None, 32, 32, 3]}},
            "outputs": {"probabilities": {"dtype": "float32", "shape": [None, 3]}},
        }
    }
    assert (card["training_data"], card["metrics"], card["hyperparameters"]) == ([], [], {})
    assert "golden.npz" in card["files"]


@pytest.mark.parametrize("first", ["Rescaling", "nested", "operation"])
def test_a_model_that_scales_its_input_gets_the_pixels(
    package: Package, pictures: np.ndarray, first: str
) -> None:
    scaling = keras.layers.Rescaling(1 / 127.5, -1)
    if first == "nested":
        scaling = keras.Sequential([keras.layers.RandomFlip(), scaling])
    model = classifier(scaling, activation="softmax")
    if first == "operation":
        given = keras.Input((32, 32, 3))
        model = keras.Model(given, classifier(activation="softmax")(given / 127.5 - 1.0))
    packaged = package(model)
    assert "0..255" in packaged.text
    wanted = model.predict(pictures.astype(np.float32), verbose=0)
    found = packaged.answer(image=pictures)["probabilities"]
    np.testing.assert_allclose(found, wanted, rtol=1e-4, atol=1e-5)


def test_a_model_without_a_softmax_gets_one(package: Package, pictures: np.ndarray) -> None:
    model = classifier(keras.layers.Rescaling(1 / 255))
    logits = model.predict(pictures.astype(np.float32), verbose=0)
    packaged = package(model)
    assert "a softmax is put there" in packaged.text
    found = packaged.answer(image=pictures)["probabilities"]
    np.testing.assert_allclose(found, tf.nn.softmax(logits), rtol=1e-4, atol=1e-5)
    unchanged = package(model, activation="none").answer(image=pictures)["probabilities"]
    np.testing.assert_allclose(unchanged, logits, rtol=1e-4, atol=1e-5)


def test_one_sigmoid_output_becomes_two_labels(package: Package, pictures: np.ndarray) -> None:
    model = keras.Sequential(
        [keras.Input((32, 32, 3)), keras.layers.Flatten(), keras.layers.Dense(1, "sigmoid")]
    )
    packaged = package(model, labels=["cat", "dog"])
    positive = model.predict(pictures.astype(np.float32) / 255, verbose=0)[:, 0]
    found = packaged.answer(image=pictures)["probabilities"]
    np.testing.assert_allclose(found, np.stack([1 - positive, positive], 1), rtol=1e-4, atol=1e-5)
    assert "the probability of 'dog'" in packaged.text
    assert packaged.card["labels"] == ["cat", "dog"]


def test_grey_pictures_may_lack_an_axis_for_channels(package: Package) -> None:
    layers = [keras.layers.Flatten(), keras.layers.Dense(4, activation="softmax")]
    model = keras.Sequential([keras.Input((8, 8)), *layers])
    packaged = package(model)
    grey = np.random.default_rng(0).integers(0, 256, (2, 8, 8, 1), dtype=np.uint8)
    wanted = model.predict(grey[..., 0] / np.float32(255), verbose=0)
    found = packaged.answer(image=grey)["probabilities"]
    np.testing.assert_allclose(found, wanted, rtol=1e-4, atol=1e-5)
    assert "in grey" in packaged.text


@pytest.mark.parametrize("dtype", ["uint8", "int32", "float16", "bfloat16"])
def test_the_dtype_of_the_input_is_the_models_own_affair(
    package: Package, pictures: np.ndarray, dtype: str
) -> None:
    given = keras.Input((32, 32, 3), dtype=dtype)
    scaled = keras.layers.Rescaling(1 / 255)(given)
    model = keras.Model(given, classifier(activation="softmax")(scaled))
    found = package(model).answer(image=pictures)["probabilities"]
    wanted = model(tf.cast(pictures, dtype)).numpy()
    np.testing.assert_allclose(found, wanted, atol=1e-3)
    assert found.dtype == np.float32


def test_a_model_for_any_size_is_given_one(package: Package) -> None:
    model = classifier(shape=(None, None, 3), activation="softmax")
    with pytest.raises(PackagingError, match="--size 224x224"):
        package(model)
    card = package(model, size=(24, 40)).card
    assert (card["preprocessing"]["height"], card["preprocessing"]["width"]) == (24, 40)


def test_samples_are_the_golden_inputs(package: Package, plain: Any, tmp_path: Path) -> None:
    folder = tmp_path / "samples"
    folder.mkdir()
    for number in range(3):
        Image.new("L", (64, 64), 50 * number).save(folder / f"{number}.png")
    packaged = package(plain, samples=[folder])
    golden = packaged.golden
    assert golden["serving_default/inputs/image"].shape == (3, 32, 32, 3)
    assert golden["serving_default/inputs/image"][:, 0, 0, 0].tolist() == [0, 50, 100]
    found = packaged.answer(image=golden["serving_default/inputs/image"])["probabilities"]
    np.testing.assert_allclose(found, golden["serving_default/outputs/probabilities"], rtol=1e-4)
    (folder / "note.txt").write_text("")
    with pytest.raises(PackagingError, match=r"note\.txt isn't a picture"):
        package(plain, samples=[folder])


def test_made_up_inputs_are_the_same_each_time(package: Package, plain: Any) -> None:
    first, second = package(plain).golden, package(plain).golden
    assert first.keys() == {
        "serving_default/inputs/image",
        "serving_default/outputs/probabilities",
    }
    assert first["serving_default/inputs/image"].shape == (32, 32, 32, 3)
    for name, array in first.items():
        np.testing.assert_array_equal(array, second[name])


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"labels": ["a", "b"]}, "has 3 outputs, and 2 labels were given"),
        ({"labels": ["a", "b", "a"]}, "Each label must be there once"),
        ({"size": (28, 28)}, "leave out --size"),
        ({"task": "text_classification"}, "takes strings"),
        ({"task": "tensors", "labels": ["a"]}, "has no use for labels"),
        ({"task": "tensors", "value_range": "0..1"}, "has no use for --range"),
    ],
)
def test_options_that_do_not_fit_are_explained(
    package: Package, plain: Any, options: dict[str, Any], sentence: str
) -> None:
    with pytest.raises(PackagingError, match=sentence):
        package(plain, **options)


@pytest.mark.parametrize(
    ("shape", "sentence"),
    [((4,), "isn't a model of pictures"), ((8, 8, 4), "pictures of 4 channels")],
)
def test_what_is_no_model_of_pictures_is_refused(
    package: Package, shape: tuple[int, ...], sentence: str
) -> None:
    layers = [keras.layers.Flatten(), keras.layers.Dense(2, activation="softmax")]
    model = keras.Sequential([keras.Input(shape), *layers])
    with pytest.raises(PackagingError, match=sentence):
        package(model, task="image_classification")


def test_whole_numbers_are_not_scaled(package: Package) -> None:
    given = keras.Input((32, 32, 3), dtype="uint8")
    model = keras.Model(given, classifier(activation="softmax")(given))
    with pytest.raises(PackagingError, match="leave out --range"):
        package(model, value_range="0..1")
