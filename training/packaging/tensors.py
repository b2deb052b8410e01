"""A model that is served as it is: tensors in, tensors out."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np
import tensorflow as tf

from training.card import TensorPreprocessing
from training.errors import PackagingError
from training.packaging.choices import Choices, Say
from training.packaging.loaded import LoadedModel, LoadedSignature, listed, trace, written
from training.packaging.served import Inputs, ServedModel
from training.packaging.text_classification import WORDS

DTYPES = {tf.bool, tf.string, tf.float16, tf.float32, tf.float64}
DTYPES |= {tf.int8, tf.int16, tf.int32, tf.int64, tf.uint8, tf.uint16, tf.uint32, tf.uint64}

ATTEMPTS = ((16, 10), (16, 2), (64, 10), (256, 10))
"""The length of the dimensions of any size and the bound of whole numbers, attempt by attempt:
some models need longer inputs, others smaller numbers (indexes of something)."""


def serve(model: LoadedModel, choices: Choices, say: Say) -> ServedModel:
    """Keep the signature as it is, except that it takes and gives float32 for bfloat16.

    NumPy has no bfloat16, and each of its numbers is one of float32.

    Raises:
        PackagingError: a tensor is of a dtype or shape that can't be sent.
    """
    signature = model.signature
    if not signature.inputs:
        raise PackagingError(f"{model.source} has no inputs: it can't be served.")
    specs = {**signature.inputs, **signature.outputs}
    for name, spec in specs.items():
        _check_sendable(name, spec, model.source)
    if tf.bfloat16 in {spec.dtype for spec in specs.values()}:
        say("Its bfloat16 tensors are sent as float32, which holds the same numbers.")
        signature = _in_float32(signature, model.source)
    say(f"It takes {listed(signature.inputs)}; it answers with {listed(signature.outputs)}.")
    is_batched = all(spec.shape.rank and spec.shape[0] is None for spec in specs.values())
    if not is_batched:
        say(
            "Each request runs by itself, not in a batch, which is slower: a batch needs a first "
            "dimension of any size in every input and output."
        )
    return ServedModel(
        "tensors",
        signature,
        TensorPreprocessing(),
        None,
        partial(_random_inputs, signature.inputs),
        partial(_read, signature.inputs, is_batched=is_batched),
        is_batched,
    )


def _check_sendable(name: str, spec: tf.TensorSpec, source: str) -> None:
    if spec.dtype not in DTYPES | {tf.bfloat16}:
        raise PackagingError(
            f"The tensor {name} of {source} is {written(spec)}, a dtype that can't be sent: change "
            f"it in the model to one of {', '.join(sorted(dtype.name for dtype in DTYPES))}."
        )
    if spec.shape.rank is None:
        raise PackagingError(
            f"The tensor {name} of {source} is {written(spec)}, and the number of its dimensions "
            "must be known: set it with tf.ensure_shape, or in the signature's shapes."
        )


def _in_float32(signature: LoadedSignature, source: str) -> LoadedSignature:
    def call(**tensors: tf.Tensor) -> dict[str, tf.Tensor]:
        cast = {n: tf.cast(t, signature.inputs[n].dtype) for n, t in tensors.items()}
        return {n: _sent(t) for n, t in signature.function(**cast).items()}

    inputs = {
        name: tf.TensorSpec(spec.shape, tf.float32, name) if spec.dtype == tf.bfloat16 else spec
        for name, spec in signature.inputs.items()
    }
    return trace(source, call, inputs)


def _sent(tensor: tf.Tensor) -> tf.Tensor:
    return tf.cast(tensor, tf.float32) if tensor.dtype == tf.bfloat16 else tensor


def _random_inputs(
    specs: dict[str, tf.TensorSpec], rows: int, random: np.random.Generator
) -> list[Inputs]:
    return [
        {name: _random(spec, rows, length, bound, random) for name, spec in specs.items()}
        for length, bound in ATTEMPTS
    ]


def _random(
    spec: tf.TensorSpec, rows: int, length: int, bound: int, random: np.random.Generator
) -> np.ndarray:
    first, *others = spec.shape.as_list() or [1]
    shape = [rows if first is None else first, *(length if n is None else n for n in others)]
    shape = shape[: spec.shape.rank]
    if spec.dtype == tf.string:
        return random.choice([word.encode() for word in WORDS], shape)
    if spec.dtype.is_floating:
        return random.random(shape, np.float32).astype(spec.dtype.as_numpy_dtype)
    if spec.dtype == tf.bool:
        return random.random(shape) < 0.5
    return random.integers(0, bound, shape).astype(spec.dtype.as_numpy_dtype)


def _read(
    specs: dict[str, tf.TensorSpec], files: Sequence[Path], most: int, *, is_batched: bool
) -> Inputs:
    """Inputs from a .npz file: an array by the name of each."""
    if len(files) != 1 or files[0].suffix != ".npz":
        raise PackagingError(
            "The samples of tensors are one .npz file with an array for each input: make it by "
            "numpy.savez(FILE, NAME=array, ...)."
        )
    try:
        with np.load(files[0]) as file:
            arrays = {name: file[name] for name in file.files}
    except (OSError, ValueError) as error:
        raise PackagingError(
            f"{files[0]} isn't an .npz file that can be read: make it by numpy.savez, strings as "
            "arrays of dtype S."
        ) from error
    found = {name: _found(arrays, name, spec) for name, spec in specs.items()}
    if not is_batched:
        return found
    if len({len(array) for array in found.values()}) != 1:
        raise PackagingError("The samples have more rows for one input than for another.")
    return {name: array[:most] for name, array in found.items()}


def _found(arrays: dict[str, np.ndarray], name: str, spec: tf.TensorSpec) -> np.ndarray:
    array = arrays.get(name)
    if array is None:
        raise PackagingError(f"The samples have no array for the input {name}.")
    if array.dtype.kind == "U":
        array = np.char.encode(array, "utf-8")
    if spec.dtype != tf.string:
        array = array.astype(spec.dtype.as_numpy_dtype)
    if not spec.shape.is_compatible_with(array.shape) or not array.size:
        raise PackagingError(
            f"The samples of the input {name} have the shape {list(array.shape)}, and it takes "
            f"{written(spec)}."
        )
    return array
