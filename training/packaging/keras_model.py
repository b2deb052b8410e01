"""A `keras.Model` in memory, as a signature.

`keras.src` isn't documented: what is taken from there holds for Keras 3.15.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any

import keras
import tensorflow as tf
from keras.src.export.export_utils import get_input_signature

from training.errors import PackagingError
from training.packaging.loaded import LoadedModel, first_line, plain_names, tables_of, trace

SCALING = {"Rescaling", "Normalization", "TrueDivide", "Divide", "Multiply", "Subtract"}
"""Layers and operations which, coming first, show that a model takes pixels of 0..255."""

PASSING = {"InputLayer", "Reshape", "Resizing", "CenterCrop", "ZeroPadding2D", "Cast"}
"""Layers that don't change the range of the pixels; nor do those for augmentation, Random..."""

MADE_UP = re.compile(r"(keras_tensor|input_layer|input)(_\d+)?")
"""Names that Keras gives to inputs which have none of their user."""


def from_keras(model: keras.Model, source: str) -> LoadedModel:
    """Trace the model's answer to inputs of the shapes that it was built for.

    Raises:
        PackagingError: the shapes aren't known, or there is no graph of it.
    """
    arguments = _arguments(model, source)
    flat = keras.tree.flatten(arguments)
    names = plain_names(_input_names(arguments, flat))
    inputs = {
        name: tf.TensorSpec(spec.shape, spec.dtype, name)
        for name, spec in zip(names, flat, strict=True)
    }

    def call(**tensors: tf.Tensor) -> dict[str, tf.Tensor]:
        packed = keras.tree.pack_sequence_as(arguments, [tensors[name] for name in names])
        has_training = model._call_has_training_arg  # noqa: SLF001 - as Keras's own predict asks
        answer = model(*packed, training=False) if has_training else model(*packed)
        return _named(model, answer, source)

    signature = trace(source, call, inputs)
    return LoadedModel(
        source,
        {"serving_default": signature},
        variables=signature.function.graph.variables,
        tables=tables_of(model, signature.function, source),
        takes_pixels=_takes_pixels(model),
    )


def _arguments(model: keras.Model, source: str) -> Any:
    """What the model is called with: a structure of `keras.InputSpec`."""
    try:
        return list(get_input_signature(model))
    except (TypeError, ValueError) as error:
        raise PackagingError(
            f"{source} doesn't know the shapes of its inputs: call it once on some data (or build "
            f"it from keras.Input), then package it. Keras says: {first_line(error)}"
        ) from error


def _input_names(arguments: Any, flat: list[Any]) -> list[str]:
    if len(arguments) == 1 and isinstance(arguments[0], dict) and len(arguments[0]) == len(flat):
        return sorted(arguments[0])  # the order in which Keras flattens
    return [
        _numbered("input", i, len(flat)) if MADE_UP.fullmatch(spec.name or "input") else spec.name
        for i, spec in enumerate(flat)
    ]


def _numbered(word: str, index: int, count: int) -> str:
    return word if count == 1 else f"{word}_{index + 1}"


def _named(model: keras.Model, answer: Any, source: str) -> dict[str, tf.Tensor]:
    """The model's outputs by name: the keys of a dict, or the names of the last layers."""
    flat = keras.tree.flatten(answer)
    if isinstance(answer, Mapping) and len(answer) == len(flat):
        names = sorted(answer)
    elif isinstance(model, keras.Sequential):
        names = [model.layers[-1].name]
    else:
        names = list(getattr(model, "output_names", ()))
    if len(names) != len(flat):
        names = [_numbered("output", i, len(flat)) for i in range(len(flat))]
    odd = [type(each).__name__ for each in flat if not isinstance(each, tf.Tensor)]
    if odd:
        raise PackagingError(
            f"{source} answers with a {odd[0]}: only dense tensors can be served. Turn it into one "
            "in the model, for instance by to_tensor()."
        )
    return dict(zip(plain_names(names), flat, strict=True))


def _takes_pixels(model: keras.Model) -> bool | None:
    for operation in _operations(model):
        kind = type(operation).__name__
        if kind not in PASSING and not kind.startswith("Random"):
            return kind in SCALING
    return None


def _operations(model: keras.Model) -> Iterator[Any]:
    """Layers and operations in the order of the computation, those of nested models too.

    There are none for a subclass of `keras.Model`: only its code knows the order.
    """
    parts = model.layers if isinstance(model, keras.Sequential) else []
    for part in getattr(model, "operations", parts):
        if isinstance(part, keras.Model):
            yield from _operations(part)
        else:
            yield part
