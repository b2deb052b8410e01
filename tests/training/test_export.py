import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from training import artifact, export
from training.errors import ArtifactError, ExportError

IMAGES = np.random.default_rng(0).integers(0, 256, (5, 28, 28, 1), dtype=np.uint8)


@pytest.fixture(scope="module")
def model() -> keras.Model:
    keras.utils.set_random_seed(0)
    layers = [keras.layers.Conv2D(4, 3), keras.layers.Flatten(), keras.layers.Dense(3)]
    return keras.Sequential([keras.Input((28, 28, 1)), *layers])


@pytest.fixture(scope="module")
def serve(model: keras.Model) -> Any:
    return tf.function(
        lambda image: {"scores": model(tf.cast(image, tf.float32) / 255)},
        input_signature=[export.IMAGES],
    )


@pytest.fixture(scope="module")
def folder(model: keras.Model, serve: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("export")
    export.save(folder, {"serving_default": serve}, export.variables_of(model))
    return folder


@pytest.fixture(scope="module")
def right(model: keras.Model) -> export.Example:
    scores = model.predict(IMAGES.astype(np.float32) / 255, verbose=0)
    return export.Example("serving_default", {"image": IMAGES}, {"scores": scores})


def test_a_fresh_process_answers_as_the_model_does(
    model: keras.Model, serve: Any, right: export.Example, tmp_path: Path
) -> None:
    table = tf.lookup.StaticHashTable(
        tf.lookup.KeyValueTensorInitializer(["good", "bad"], tf.constant([1.0, 0.0])), 0.5
    )
    read = tf.function(
        lambda text: {"score": table.lookup(text)},
        input_signature=[tf.TensorSpec([None], tf.string, "text")],
    )
    signatures = {"serving_default": serve, "read": read}
    export.save(tmp_path, signatures, export.variables_of(model), resources=[table])
    given = {"text": np.array([b"good", b"bad", b"unknown"])}
    wanted = {"score": np.array([1.0, 0.0, 0.5], np.float32)}
    export.verify(tmp_path, [right, export.Example("read", given, wanted)])


@pytest.mark.parametrize(
    "change", [lambda scores: scores + 0.01, lambda scores: scores[:3], lambda scores: -scores]
)
def test_another_answer_is_noticed(
    folder: Path,
    right: export.Example,
    monkeypatch: pytest.MonkeyPatch,
    change: Callable[[np.ndarray], np.ndarray],
) -> None:
    answers = {"serving_default/scores": change(right.outputs["scores"])}
    monkeypatch.setattr(
        export,
        "_run_fresh_process",
        lambda _, exchange: np.savez(Path(exchange, "outputs.npz"), allow_pickle=False, **answers),
    )
    with pytest.raises(ExportError, match="has another scores"):
        export.verify(folder, [right])


def test_answers_that_are_no_numbers_are_compared_whole() -> None:
    words = np.array([b"good", b"bad"])
    assert export.is_close(words, words.copy())
    assert not export.is_close(words, np.array([b"good", b"bat"]))
    assert not export.is_close(np.array([1, 2]), np.array([1, 3]))
    assert export.is_close(np.array([np.nan, 1.0]), np.array([np.nan, 1.0 + 1e-7]))
    assert export.as_array(tf.constant("word")).tolist() == b"word"
    halves = np.array([1.0], np.float16)
    assert export.is_close(halves, halves + np.float16(2e-3))


def test_a_model_that_cannot_be_loaded_is_noticed(
    folder: Path, right: export.Example, tmp_path: Path
) -> None:
    broken = tmp_path / "broken"
    shutil.copytree(folder, broken)
    (broken / "variables" / "variables.index").unlink()
    with pytest.raises(ExportError, match="fresh process"):
        export.verify(broken, [right])


def test_every_variable_is_written_once(folder: Path, model: keras.Model) -> None:
    listed = tf.train.list_variables(str(folder / "variables" / "variables"))
    assert len(listed) == len(model.weights) + 1
    data = folder / "variables" / "variables.data-00000-of-00001"
    assert data.stat().st_size < 1.2 * 4 * model.count_params()


def test_a_variable_written_twice_is_refused(
    model: keras.Model, serve: Any, tmp_path: Path
) -> None:
    """Tests the check itself: a copy does what `keras.Model.export` does."""
    variables = export.variables_of(model)
    module = tf.Module()
    module.kept = [*variables, tf.Variable(variables[0])]
    tf.saved_model.save(module, str(tmp_path), signatures={"serving_default": serve})
    with pytest.raises(ExportError, match="exactly once"):
        export._check_written_once(tmp_path, variables)


def test_the_signature_takes_any_number_of_images_of_one_size(folder: Path) -> None:
    loaded = artifact.load(folder)
    for count in (1, 7):
        images = np.zeros((count, 28, 28, 1), np.uint8)
        assert artifact.call(loaded, "serving_default", {"image": images})["scores"].shape == (
            count,
            3,
        )
    with pytest.raises((tf.errors.InvalidArgumentError, TypeError, ValueError)):
        artifact.call(loaded, "serving_default", {"image": np.zeros((1, 27, 28, 1), np.uint8)})
    with pytest.raises((tf.errors.InvalidArgumentError, TypeError, ValueError)):
        artifact.call(loaded, "serving_default", {"image": np.zeros((1, 28, 28, 1), np.float32)})


def test_rows_keep_their_order_over_several_batches(folder: Path) -> None:
    loaded = artifact.load(folder)
    whole = artifact.call(loaded, "serving_default", {"image": IMAGES})["scores"]
    parts = artifact.call(loaded, "serving_default", {"image": IMAGES}, batch=2)["scores"]
    np.testing.assert_allclose(parts, whole, rtol=1e-5, atol=1e-5)


def test_a_folder_without_a_model_is_explained(tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match="no SavedModel"):
        artifact.load(tmp_path)
