"""Models that are served as they are."""

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from tests.training.packaging.conftest import Package
from training.errors import PackagingError


def test_several_inputs_and_outputs_keep_their_names(package: Package, two_by_two: Any) -> None:
    packaged = package(two_by_two)
    ids = np.array([[1, 2, 3], [4, 5, 6]], np.int32)
    weights = np.random.default_rng(0).random((2, 3, 4), np.float32)
    total, score = two_by_two([ids, weights])
    found = packaged.answer(ids=ids, weights=weights)
    np.testing.assert_allclose(found["total"], total, rtol=1e-5)
    np.testing.assert_allclose(found["score"], score, rtol=1e-5)
    card = packaged.card
    assert (card["task"], card["labels"]) == ("tensors", None)
    assert card["preprocessing"] == {"type": "tensors"}
    assert card["signatures"]["serving_default"]["inputs"] == {
        "ids": {"dtype": "int32", "shape": [None, None]},
        "weights": {"dtype": "float32", "shape": [None, None, 4]},
    }
    assert "ids (int32 [?, ?])" in packaged.text


def test_a_dict_names_inputs_and_outputs(package: Package) -> None:
    inputs = {"b": keras.Input((2,), name="x"), "a": keras.Input((2,), name="y")}
    model = keras.Model(
        inputs, {"sum": inputs["a"] + inputs["b"], "gap": inputs["a"] - inputs["b"]}
    )
    found = package(model).answer(
        a=np.array([[5, 5]], np.float32), b=np.array([[1, 2]], np.float32)
    )
    assert found["sum"].tolist() == [[6, 7]]
    assert found["gap"].tolist() == [[4, 3]]


def test_a_subclass_is_packaged_once_it_was_called(package: Package) -> None:
    class Doubling(keras.Model):  # type: ignore[misc]
        def call(self, inputs: Any) -> Any:
            return {"double": 2 * inputs}

    model = Doubling()
    with pytest.raises(PackagingError, match="call it once on some data"):
        package(model)
    model(np.ones((1, 3), np.float32))
    packaged = package(model)
    (name,) = packaged.card["signatures"]["serving_default"]["inputs"]
    assert (
        packaged.answer(**{name: np.ones((2, 3), np.float32)})["double"].tolist() == [[2] * 3] * 2
    )


@pytest.mark.parametrize("dtype", ["float16", "float64", "int8", "int64", "bool", "string"])
def test_any_dtype_passes(package: Package, dtype: str) -> None:
    given = keras.Input((2,), dtype=dtype, name="given")
    packaged = package(keras.Model(given, keras.layers.Reshape((2, 1), name="same")(given)))
    spec = {"dtype": dtype, "shape": [None, 2]}
    assert packaged.card["signatures"]["serving_default"]["inputs"] == {"given": spec}
    golden = packaged.golden
    kept = golden["serving_default/inputs/given"]
    np.testing.assert_array_equal(golden["serving_default/outputs/same"][..., 0], kept)
    assert kept.dtype.kind == ("S" if dtype == "string" else np.dtype(dtype).kind)


def test_bfloat16_is_sent_as_float32(package: Package) -> None:
    given = keras.Input((2,), dtype="bfloat16", name="given")
    packaged = package(keras.Model(given, keras.layers.Identity(name="same")(given)))
    tensor = {"dtype": "float32", "shape": [None, 2]}
    signature = packaged.card["signatures"]["serving_default"]
    assert signature == {"inputs": {"given": tensor}, "outputs": {"same": tensor}}
    assert "bfloat16" in packaged.text


def test_samples_of_tensors_are_arrays(package: Package, two_by_two: Any, tmp_path: Path) -> None:
    file = tmp_path / "samples.npz"
    np.savez(file, ids=np.array([[9, 8]]), weights=np.zeros((1, 2, 4)))
    golden = package(two_by_two, samples=[file]).golden
    assert golden["serving_default/inputs/ids"].tolist() == [[9, 8]]
    np.savez(file, ids=np.array([[9, 8]]))
    with pytest.raises(PackagingError, match="no array for the input weights"):
        package(two_by_two, samples=[file])
    np.savez(file, ids=np.array([9, 8]), weights=np.zeros((1, 2, 4)))
    with pytest.raises(PackagingError, match=r"shape \[2\], and it takes int32"):
        package(two_by_two, samples=[file])
    with pytest.raises(PackagingError, match=r"one \.npz file"):
        package(two_by_two, samples=[tmp_path])


def test_a_model_that_refuses_all_made_up_inputs_asks_for_samples(package: Package) -> None:
    given = keras.Input((1,), dtype="int32", name="given")
    with pytest.raises(PackagingError, match="--samples"):
        package(keras.Model(given, Picky()(given)))


@pytest.mark.parametrize(("length", "rows"), [(10, 32), (50_000, 5), (1_000_000, 2)])
def test_there_are_fewer_golden_inputs_if_they_are_large(
    package: Package, length: int, rows: int
) -> None:
    sound = keras.Input((length,), name="sound")
    loudness = keras.layers.Lambda(lambda x: keras.ops.max(x, axis=1, keepdims=True))(sound)
    golden = package(keras.Model(sound, {"loudness": loudness}), task="tensors").golden
    assert golden["serving_default/inputs/sound"].shape == (rows, length)
    assert golden["serving_default/outputs/loudness"].shape == (rows, 1)


class Picky(keras.layers.Layer):  # type: ignore[misc]
    def call(self, x: Any) -> Any:
        with tf.control_dependencies([tf.debugging.assert_greater(x, 10**6)]):
            return tf.identity(x)


class Mixing(keras.layers.Layer):  # type: ignore[misc]
    def call(self, x: Any) -> Any:
        return x - keras.ops.mean(x, axis=0, keepdims=True)


class Noisy(keras.layers.Layer):  # type: ignore[misc]
    def call(self, x: Any) -> Any:
        return x + tf.random.normal(tf.shape(x))


class Repeating(keras.layers.Layer):  # type: ignore[misc]
    def call(self, x: Any) -> Any:
        return keras.ops.concatenate([x, x], axis=0)


class Calling(keras.layers.Layer):  # type: ignore[misc]
    def call(self, x: Any) -> Any:
        return tf.ensure_shape(tf.py_function(lambda y: y, [x], tf.float32), x.shape)

    def compute_output_spec(self, x: Any) -> Any:
        return keras.KerasTensor(x.shape, x.dtype)


@pytest.mark.parametrize(
    ("layer", "sentence"),
    [
        (Mixing, "differently when others are in the same batch"),
        (Noisy, "draws random numbers"),
        (Repeating, "one row for each input"),
        (Calling, "calls Python code"),
    ],
)
def test_what_cannot_be_served_in_batches_is_explained(
    package: Package, layer: Any, sentence: str
) -> None:
    given = keras.Input((2,))
    with pytest.raises(PackagingError, match=sentence):
        package(keras.Model(given, layer()(given)), task="tensors")
