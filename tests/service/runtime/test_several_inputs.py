"""A model of several inputs and outputs: each array goes by its name, whichever program runs it."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from service.errors import CorruptModelError
from service.runtime.card import SignatureSpec
from service.runtime.runner import Race, Runner
from service.runtime.saved_model import Array, SavedModel, Signature

LENGTH = 3
INPUTS: dict[str, Any] = {
    "words": {"dtype": "int32", "shape": [None, LENGTH]},
    "boost": {"dtype": "float32", "shape": [None]},
}
OUTPUTS: dict[str, Any] = {
    "total": {"dtype": "float32", "shape": [None]},
    "boosted": {"dtype": "float32", "shape": [None, LENGTH]},
}
"""Neither in the order of their names, which is TensorFlow's."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model that multiplies the numbers of a row by the row's own factor, and adds them up."""
    import tensorflow as tf

    def multiply(words: Any, boost: Any) -> dict[str, Any]:
        boosted = tf.cast(words, tf.float32) * boost[:, tf.newaxis]
        return {"total": tf.reduce_sum(boosted, axis=1), "boosted": boosted}

    signature = [tf.TensorSpec(spec["shape"], spec["dtype"], name) for name, spec in INPUTS.items()]
    path = tmp_path_factory.mktemp("several")
    function = tf.function(multiply, input_signature=signature)
    tf.saved_model.save(tf.Module(), str(path), signatures=function)
    return path


def load(
    folder: Path, inputs: dict[str, Any] = INPUTS, outputs: dict[str, Any] = OUTPUTS
) -> Signature:
    spec = SignatureSpec.model_validate({"inputs": inputs, "outputs": outputs})
    return SavedModel(folder).signature("serving_default", spec)


def batch_of(rows: int) -> dict[str, Array]:
    words = np.arange(rows * LENGTH, dtype=np.int32).reshape(rows, LENGTH)
    return {"words": words, "boost": np.arange(rows, dtype=np.float32) - 1}


def check(outputs: dict[str, Array], batch: dict[str, Array]) -> None:
    boosted = batch["words"] * batch["boost"][:, np.newaxis]
    assert outputs.keys() == {"total", "boosted"}
    np.testing.assert_allclose(outputs["boosted"], boosted)
    np.testing.assert_allclose(outputs["total"], boosted.sum(axis=1))


def test_each_array_goes_by_its_name_plain_and_compiled(folder: Path) -> None:
    signature, batch = load(folder), batch_of(4)
    check(signature(batch), batch)
    check(signature(dict(reversed(batch.items()))), batch)
    check(signature.compile()(batch), batch)


@pytest.mark.parametrize("use_compiled", [False, True])
def test_a_batch_of_any_size_is_run_whichever_program_is_the_faster(
    folder: Path, monkeypatch: pytest.MonkeyPatch, use_compiled: bool
) -> None:
    """Padded, cut in parts and put together again: for each input and each output."""

    def decide(_: object, __: object, batch: dict[str, Array]) -> Race:
        shapes = {name: array.shape for name, array in batch.items()}
        assert shapes == {"words": (len(batch["boost"]), LENGTH), "boost": batch["boost"].shape}
        return Race(shapes, 2.0 if use_compiled else 1.0, 1.0, use_compiled)

    monkeypatch.setattr("service.runtime.runner._race", decide)
    runner = Runner(load(folder), [{"words": (LENGTH,), "boost": ()}], max_batch_size=8)
    runner.warm_up()
    races = list(runner.optimize())
    assert [race.use_compiled for race in races] == ([True, True] if use_compiled else [False])
    for rows in range(1, 10):
        check(runner(batch_of(rows)), batch_of(rows))
    assert runner.elements[0] == sum(range(1, 10)) * (LENGTH + 1)


@pytest.mark.parametrize(
    ("inputs", "outputs", "sentence"),
    [
        ({"words": INPUTS["words"]}, OUTPUTS, r"doesn't name the input 'boost' \(float32 \[\?\]\)"),
        (INPUTS | {"mask": INPUTS["boost"]}, OUTPUTS, "an input 'mask', but the model has 'boost'"),
        (INPUTS | {"boost": INPUTS["words"]}, OUTPUTS, "'boost' is float32.*the card says int32"),
        (INPUTS, OUTPUTS | {"mean": OUTPUTS["total"]}, "an output 'mean'"),
    ],
)
def test_a_card_that_names_other_tensors_is_refused(
    folder: Path, inputs: dict[str, Any], outputs: dict[str, Any], sentence: str
) -> None:
    with pytest.raises(CorruptModelError, match=sentence):
        load(folder, inputs, outputs)
