"""What a model answers when it is packaged, to samples or to random inputs."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from training import export
from training.errors import PackagingError
from training.export import Example
from training.golden import ROWS
from training.packaging.loaded import LoadedSignature, first_line
from training.packaging.served import Inputs, ServedModel

SEED = 0
MOST_BYTES = 1 << 20
"""Of the inputs. There are fewer rows if they are large, but at least two."""


def make_example(served: ServedModel, samples: Sequence[Path], source: str) -> Example:
    """What the model answers to the samples, or to random inputs.

    Raises:
        PackagingError: the samples can't be read, or the model refuses all inputs, mixes the rows
            of a batch, or draws random numbers.
    """
    if samples:
        attempts: Sequence[Inputs] = [served.read_samples(_files(samples), ROWS)]
    else:
        attempts = served.random_inputs(ROWS, np.random.default_rng(SEED))
    if served.is_batched:
        attempts = [_first_rows(inputs) for inputs in attempts]
    inputs, outputs = _first_answer(served.signature, attempts, source)
    if served.is_batched:
        _check_rows(served.signature, inputs, outputs, source)
    again = _call(served.signature, inputs)
    if not all(export.is_close(array, again[name]) for name, array in outputs.items()):
        raise PackagingError(
            f"{source} answers the same inputs differently each time: it draws random numbers. Let "
            "it do so only in training, or make them an input."
        )
    return Example("serving_default", inputs, outputs)


def _files(samples: Sequence[Path]) -> list[Path]:
    """The files, with those in a folder in its place."""
    for path in samples:
        if not path.exists():
            raise PackagingError(f"There is no {path} to take samples from: check the path.")
    nested = [sorted(path.iterdir()) if path.is_dir() else [path] for path in samples]
    files = [file for group in nested for file in group]
    if not files:
        raise PackagingError("There is no file in the folder of samples.")
    return files


def _first_rows(inputs: Inputs) -> Inputs:
    """The rows that are kept with the model."""
    row = sum(array[:1].nbytes for array in inputs.values())
    return {name: array[: max(2, MOST_BYTES // max(1, row))] for name, array in inputs.items()}


def _first_answer(
    signature: LoadedSignature, attempts: Sequence[Inputs], source: str
) -> tuple[Inputs, dict[str, np.ndarray]]:
    """The inputs of the first attempt that the model doesn't refuse, and its outputs."""
    failure: Exception | None = None
    for inputs in attempts:
        try:
            return inputs, _call(signature, inputs)
        except (tf.errors.OpError, ValueError) as error:
            failure = failure or error
    raise PackagingError(
        f"{source} fails on made-up inputs, or on the samples: "
        f"{first_line(failure or ValueError())} Give inputs that it takes by --samples FILE."
    ) from failure


def _call(signature: LoadedSignature, inputs: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    answer = signature.function(**{name: tf.constant(rows) for name, rows in inputs.items()})
    return {name: export.as_array(tensor) for name, tensor in answer.items()}


def _check_rows(
    signature: LoadedSignature, inputs: Inputs, outputs: Mapping[str, Any], source: str
) -> None:
    """The service puts rows of many callers into one batch: each must get the answer to its own."""
    rows = len(next(iter(inputs.values())))
    for name, array in outputs.items():
        if array.ndim == 0 or len(array) != rows:
            raise PackagingError(
                f"{source} answers to {rows} inputs with an output {name} of shape "
                f"{list(array.shape)}: it must be one row for each input, [{rows}, ...]."
            )
    alone = _call(signature, {name: array[:1] for name, array in inputs.items()})
    for name, array in outputs.items():
        # A shape that varies may be that of the longest row.
        if array[:1].shape == alone[name].shape and not _is_alike(array[:1], alone[name]):
            raise PackagingError(
                f"{source} answers an input differently when others are in the same batch (output "
                f"{name}), and the service puts requests of many callers into one. Either it draws "
                "random numbers, or it computes over the first dimension: look for a normalization "
                "or a softmax there."
            )


def _is_alike(found: np.ndarray, expected: np.ndarray) -> bool:
    """Whether two answers are the same, up to what another size of the batch changes."""
    if expected.dtype.kind != "f":
        return np.array_equal(found, expected)
    size = float(np.max(np.abs(expected), initial=1.0, where=np.isfinite(expected)))
    return np.allclose(found, expected, rtol=1e-2, atol=1e-3 * size, equal_nan=True)
