"""A model that was read, whatever it came from: its signatures, and what they need.

`tensorflow.python` isn't documented: what is taken from there holds for TensorFlow 2.21.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from typing import Any

import tensorflow as tf
from tensorflow.python.checkpoint.graph_view import ObjectGraphView
from tensorflow.python.trackable.resource import CapturableResource

from training.errors import PackagingError

PYTHON_CALLS = {"PyFunc", "PyFuncStateless", "EagerPyFunc"}

Call = Callable[..., Mapping[str, Any]]
"""Takes a tensor for each input, by its name; returns a tensor for each output, by its name."""


@dataclass(frozen=True)
class LoadedSignature:
    """One way to call a model: a concrete function, its inputs and outputs by their names."""

    function: Any
    inputs: dict[str, tf.TensorSpec]
    outputs: dict[str, tf.TensorSpec]


@dataclass(frozen=True)
class LoadedModel:
    """A model in memory.

    `source` is what the user knows it by, a path or a class. `variables` and `tables` are all that
    the signatures read. `takes_pixels` tells whether the model itself scales 0..255 to what it
    computes with; None if its layers aren't known.
    """

    source: str
    signatures: dict[str, LoadedSignature]
    variables: Sequence[tf.Variable]
    tables: Sequence[Any] = ()
    takes_pixels: bool | None = None

    @property
    def signature(self) -> LoadedSignature:
        """The only signature, after `keep_one`."""
        (signature,) = self.signatures.values()
        return signature


def keep_one(model: LoadedModel, name: str | None, say: Callable[[str], None]) -> LoadedModel:
    """The model with the signature that is served: the named one, serving_default or the only one.

    Raises:
        PackagingError: there is no such signature, or several and none is called so.
    """
    there = ", ".join(model.signatures)
    kept = name or next(iter(model.signatures))
    if name is None and len(model.signatures) > 1:
        kept = "serving_default"
        if kept not in model.signatures:
            raise PackagingError(
                f"{model.source} has the signatures {there}: choose one with --signature."
            )
        say(f"The signature {kept} is served, of {there}. Choose another by --signature NAME.")
    if kept not in model.signatures:
        raise PackagingError(f"{model.source} has no signature {kept}. It has: {there}.")
    signature = model.signatures[kept]
    captured = {id(tensor) for tensor in signature.function.captured_inputs}
    return replace(
        model,
        signatures={kept: signature},
        variables=[each for each in model.variables if id(each.handle) in captured],
        tables=[each for each in model.tables if id(each.resource_handle) in captured],
    )


def trace(source: str, call: Call, inputs: Mapping[str, tf.TensorSpec]) -> LoadedSignature:
    """Make a concrete function of a call.

    Raises:
        PackagingError: TensorFlow can't make a graph of it.
    """
    try:
        # There is no source code to convert, and conversion leaves files behind.
        function = tf.function(call, autograph=False).get_concrete_function(**inputs)
    except PackagingError:
        raise
    except Exception as error:  # whatever a user's layer raises
        raise PackagingError(
            f"{source} can't be turned into a TensorFlow graph: {first_line(error)} "
            "Layers must compute with keras.ops or TensorFlow's functions, for batches of any size."
        ) from error
    _check_portable(source, function)
    outputs = {
        name: tf.TensorSpec(tensor.shape, tensor.dtype, name)
        for name, tensor in function.structured_outputs.items()
    }
    return LoadedSignature(function, dict(inputs), outputs)


def _check_portable(source: str, function: Any) -> None:
    graph = function.graph.as_graph_def()
    nodes = chain(graph.node, *(each.node_def for each in graph.library.function))
    if any(node.op in PYTHON_CALLS for node in nodes):
        raise PackagingError(
            f"{source} calls Python code (tf.py_function or tf.numpy_function), which isn't part "
            "of a graph: compute the same with keras.ops or TensorFlow's functions."
        )


def tables_of(root: Any, function: Any, source: str) -> list[Any]:
    """The lookup tables, held by `root`, that a concrete function reads.

    Raises:
        PackagingError: it reads one that `root` doesn't hold.
    """
    variables = {id(variable.handle) for variable in function.graph.variables}
    captured = [each for each in function.captured_inputs if each.dtype == tf.resource]
    wanted = {id(each) for each in captured} - variables
    held = ObjectGraphView(root).breadth_first_traversal()[0]
    resources = [each for each in held if isinstance(each, CapturableResource)]
    tables = [each for each in resources if id(each.resource_handle) in wanted]
    if len(tables) < len(wanted):
        raise PackagingError(
            f"{source} reads a lookup table or another resource that none of its layers holds: "
            "assign it to an attribute of the layer that uses it, and package the model again."
        )
    return tables


def plain_names(names: Iterable[str]) -> list[str]:
    """The names as a signature can have them: letters, digits and underscores, each once."""
    plain: list[str] = []
    for name in names:
        start = re.sub(r"\W+", "_", name, flags=re.ASCII).strip("_") or "tensor"
        start = f"_{start}" if start[0].isdecimal() else start
        candidates = (start, *(f"{start}_{number}" for number in range(1, len(plain) + 2)))
        plain.append(next(each for each in candidates if each not in plain))
    return plain


def first_line(error: Exception) -> str:
    """An error's first line as a sentence, at most 300 characters of it."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    line = lines[0] if lines else type(error).__name__
    return line[:300].rstrip(".:") + "."


def written(spec: tf.TensorSpec) -> str:
    """A tensor as it is usually written: float32 [?, 28, 28, 1]."""
    if spec.shape.rank is None:
        return f"{spec.dtype.name} of any shape"
    sizes = ("?" if size is None else str(size) for size in spec.shape.as_list())
    return f"{spec.dtype.name} [{', '.join(sizes)}]"


def listed(specs: Mapping[str, tf.TensorSpec]) -> str:
    """Tensors with their names, for a sentence."""
    return ", ".join(f"{name} ({written(spec)})" for name, spec in specs.items()) or "none"
