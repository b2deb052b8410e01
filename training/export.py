"""SavedModels that need no code of ours: fixed signatures, each weight written once, checked.

`keras.Model.export` writes every variable twice (keras issue 23553), so the SavedModel is made
from a bare `tf.Module` that holds the variables once and the signatures.
"""

import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from training.errors import ExportError

BOOKKEEPING = "_CHECKPOINTABLE_OBJECT_GRAPH"
"""The one entry of a checkpoint that is not a variable."""

RELATIVE_TOLERANCE = 1e-4
ABSOLUTE_TOLERANCE = 1e-5
"""Tolerance: the order of additions may differ between two runs of one graph."""

IMAGES = tf.TensorSpec([None, 28, 28, 1], tf.uint8, "image")
"""The input that the models for images share."""

FRESH_PROCESS = """
import sys
import numpy as np
import tensorflow as tf
folder, exchange = sys.argv[1:]
given = np.load(exchange + "/inputs.npz")
loaded = tf.saved_model.load(folder)
found = {}
for signature, function in loaded.signatures.items():
    names = [key.split("/")[1] for key in given.files if key.startswith(signature + "/")]
    if names:
        answer = function(**{name: tf.constant(given[signature + "/" + name]) for name in names})
        for name, tensor in answer.items():
            array = np.asarray(tensor.numpy())
            found[signature + "/" + name] = array.astype("S") if array.dtype == object else array
np.savez(exchange + "/outputs.npz", **found)
"""


@dataclass(frozen=True)
class Example:
    """A call of a signature, and the trained Keras model's answer to the same inputs.

    Texts are given as arrays of bytes (dtype S).
    """

    signature: str
    inputs: Mapping[str, np.ndarray]
    outputs: Mapping[str, np.ndarray]


def save(
    folder: Path,
    signatures: Mapping[str, Any],
    variables: Sequence[tf.Variable],
    resources: Sequence[Any] = (),
) -> None:
    """Write a SavedModel into `folder` and check that it has every variable once.

    Args:
        folder: an existing folder.
        signatures: for each name a `tf.function` with an `input_signature`, whose arguments are
            the signature's inputs and which returns a dict of its outputs.
        variables: all variables that the signatures read; see `variables_of`.
        resources: anything else that they need, such as lookup tables.

    Raises:
        ExportError: it can't be written, or a variable isn't written exactly once.
    """
    module = tf.Module()
    module.kept = [*variables, *resources]
    try:
        tf.saved_model.save(module, str(folder), signatures=dict(signatures))
    except tf.errors.OpError as error:
        raise ExportError(
            f"The model could not be written to {folder}. If the disk is full, free some space or "
            f"choose another --output. TensorFlow says: {error.message}"
        ) from error
    _check_written_once(folder, variables)


def variables_of(model: keras.Model) -> list[tf.Variable]:
    """The weights of a Keras model as TensorFlow's variables."""
    return [weight.value for weight in model.weights]


def _check_written_once(folder: Path, variables: Sequence[tf.Variable]) -> None:
    written = [
        shape
        for name, shape in tf.train.list_variables(str(folder / "variables" / "variables"))
        if name != BOOKKEEPING
    ]
    if sorted(written) != sorted(variable.shape.as_list() for variable in variables):
        raise ExportError(
            f"The SavedModel has {len(written)} variables, but the model has "
            f"{len(variables)}: each must be written exactly once."
        )


def verify(folder: Path, examples: Sequence[Example]) -> None:
    """Load the SavedModel in a fresh process without this package and compare its answers.

    Raises:
        ExportError: it can't be loaded there, or its answers differ from the Keras model's.
    """
    with tempfile.TemporaryDirectory(prefix="trident-") as exchange:
        inputs = {
            f"{example.signature}/{name}": array
            for example in examples
            for name, array in example.inputs.items()
        }
        np.savez(Path(exchange, "inputs.npz"), allow_pickle=False, **inputs)
        _run_fresh_process(folder, exchange)
        with np.load(Path(exchange, "outputs.npz")) as found:
            for example in examples:
                _compare(example, found)


def _run_fresh_process(folder: Path, exchange: str) -> None:
    run = subprocess.run(  # noqa: S603 - a fixed command
        [sys.executable, "-I", "-c", FRESH_PROCESS, str(folder.resolve()), exchange],
        cwd=exchange,
        capture_output=True,
        text=True,
        check=False,
    )
    if run.returncode:
        raise ExportError(f"{folder} can't be used in a fresh process:\n{run.stderr[-2000:]}")


def _compare(example: Example, found: Mapping[str, np.ndarray]) -> None:
    for name, expected in example.outputs.items():
        if not is_close(found[f"{example.signature}/{name}"], expected):
            raise ExportError(
                f"Signature {example.signature} of the exported model has another {name} "
                "than the trained model."
            )


def as_array(tensor: tf.Tensor) -> np.ndarray:
    """A tensor as an array that can be kept without pickle: strings as bytes (dtype S)."""
    array = np.asarray(tensor.numpy())
    return array.astype("S") if array.dtype == object else array


def is_close(found: np.ndarray, expected: np.ndarray) -> bool:
    """Whether two answers of one graph are the same, up to the order of its additions."""
    if found.shape != expected.shape or expected.dtype.kind not in "fc":
        return np.array_equal(found, expected)
    relative = max(RELATIVE_TOLERANCE, 4 * float(np.finfo(expected.dtype).eps))
    return np.allclose(found, expected, relative, ABSOLUTE_TOLERANCE, equal_nan=True)
