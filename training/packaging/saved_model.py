"""A SavedModel of any age: by its graph, or where that isn't complete by its Python objects."""

from pathlib import Path
from typing import Any

import tensorflow as tf

from training.errors import PackagingError
from training.packaging import saved_graph
from training.packaging.loaded import (
    LoadedModel,
    LoadedSignature,
    first_line,
    plain_names,
    tables_of,
    trace,
)


def read(folder: Path) -> LoadedModel:
    """The signatures of the SavedModel in `folder`.

    `tf.saved_model.load` fails for some that older versions of TensorFlow wrote (an optimizer
    inside), and keeps the tables of TensorFlow 1 out of reach: so it isn't the first choice.

    Raises:
        PackagingError: it is none, has no signature, or one that can't be served.
    """
    if not any((folder / name).is_file() for name in ("saved_model.pb", "saved_model.pbtxt")):
        raise PackagingError(
            f"{folder} holds no SavedModel: there is no saved_model.pb in it. Name the folder that "
            "has that file, often one whose name is a number."
        )
    try:
        return saved_graph.read(folder)
    except tf.errors.OpError:
        return _read_objects(folder)


def _read_objects(folder: Path) -> LoadedModel:
    try:
        root = tf.saved_model.load(str(folder))
    except Exception as error:  # whatever comes of rebuilding somebody's Python objects
        raise PackagingError(
            f"The SavedModel in {folder} can't be loaded: {first_line(error)} Save the model again "
            "by model.export(FOLDER), or package its .keras file."
        ) from error
    names = plain_names(root.signatures)
    signatures = {
        name: _signature(function, str(folder))
        for name, function in zip(names, root.signatures.values(), strict=True)
    }
    functions = [each.function for each in signatures.values()]
    variables = {id(each): each for function in functions for each in function.graph.variables}
    tables = {
        id(each): each for function in functions for each in tables_of(root, function, str(folder))
    }
    return LoadedModel(str(folder), signatures, list(variables.values()), list(tables.values()))


def _signature(function: Any, source: str) -> LoadedSignature:
    given = function.structured_input_signature[1]
    names = dict(zip(plain_names(given), given, strict=True))
    inputs = {
        name: tf.TensorSpec(given[key].shape, given[key].dtype, name) for name, key in names.items()
    }

    def call(**tensors: tf.Tensor) -> dict[str, tf.Tensor]:
        answer = function(**{names[name]: tensor for name, tensor in tensors.items()})
        return dict(zip(plain_names(answer), answer.values(), strict=True))

    return trace(source, call, inputs)
