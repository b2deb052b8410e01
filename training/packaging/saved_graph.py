"""A SavedModel's graph, read the way TensorFlow Serving reads it.

It needs only the graph, its signatures and the variables' values, so it can serve SavedModels of
any age. The graph's variables and lookup tables are read in a session, and new ones take their
places.

`tensorflow.python` isn't documented: what is taken from there holds for TensorFlow 2.21.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import chain, count
from pathlib import Path
from typing import Any

import tensorflow as tf
from google.protobuf.message import DecodeError
from tensorflow.python.eager import context
from tensorflow.python.saved_model.loader_impl import SavedModelLoader
from tensorflow.python.util import deprecation

from training.errors import PackagingError
from training.packaging.loaded import LoadedModel, LoadedSignature, first_line, plain_names, trace

TAG = "serve"
INITIALIZER = "__saved_model_init_op"
"""The signature that sets a model up; nobody calls it."""

VARIABLES = {"VarHandleOp", "VariableV2", "Variable"}
TABLES = {"HashTableV2", "MutableHashTableV2"}

_NUMBERS = count()


@dataclass(frozen=True)
class _Graph:
    """What a signature needs of a graph, by the names of its nodes.

    `nodes` computes the outputs. `variables` holds values, `tables` keys and values with their
    dtypes.
    """

    nodes: Any
    variables: dict[str, Any]
    tables: dict[str, tuple[Any, Any, tf.DType, tf.DType]]


def read(folder: Path) -> LoadedModel:
    """The signatures of the SavedModel in `folder`.

    Raises:
        PackagingError: it can't be loaded, has no signature, or one that can't be served.
        tf.errors.OpError: its graph isn't complete, as in those that `tf.saved_model.save` makes
            of a Keras 3 model; its Python objects are.
    """
    with tf.Graph().as_default(), tf.compat.v1.Session() as session:
        definitions = _load(folder, session)
        outputs = [
            _tensor_name(info, folder)
            for each in definitions.values()
            for info in each.outputs.values()
        ]
        graph = _needed_by(outputs, session)
    return _rebuilt(folder, graph, _by_plain_names(definitions))


def _load(folder: Path, session: Any) -> dict[str, Any]:
    """Load into the session; the signatures by name."""
    try:
        signatures = SavedModelLoader(str(folder)).load(session, [TAG]).signature_def
    except (DecodeError, OSError, RuntimeError, ValueError, tf.errors.OpError) as error:
        raise PackagingError(
            f"The SavedModel in {folder} can't be loaded: {first_line(error)} Copy it again, with "
            "its variables/ and assets/; it must have been saved for serving."
        ) from error
    found = {key: each for key, each in signatures.items() if key != INITIALIZER and each.outputs}
    if not found:
        raise PackagingError(
            f"{folder} has no signature, so nothing says how it is called: save it by "
            "model.export(FOLDER), or by tf.saved_model.save(..., signatures=...)."
        )
    return found


def _needed_by(outputs: list[str], session: Any) -> _Graph:
    """What the outputs need, read from the session."""
    definition = session.graph.as_graph_def()
    ends = [name.partition(":")[0] for name in outputs]
    part = _sub_graph(definition, ends)
    for node in part.node:
        node.device = ""  # where it was trained is not where it is served
        node.attr.pop("_class", None)  # beside which variable it was
    _rename_functions(part)
    return _Graph(
        part,
        {node.name: _value(node, session) for node in part.node if node.op in VARIABLES},
        {node.name: _entries(node, session) for node in part.node if node.op in TABLES},
    )


def _sub_graph(definition: Any, ends: list[str]) -> Any:
    """The part of a graph that computes these nodes."""
    with deprecation.silence():  # it is meant for TensorFlow 1: so are these graphs
        return tf.compat.v1.graph_util.extract_sub_graph(definition, ends)


def _rename_functions(graph: Any) -> None:
    """Give the functions of a graph names that no other function of this process has."""
    number = next(_NUMBERS)
    names = {
        each.signature.name: f"packaged_{number}_{each.signature.name}"
        for each in graph.library.function
    }
    nodes = chain(graph.node, *(each.node_def for each in graph.library.function))
    for node in nodes:
        node.op = names.get(node.op, node.op)
        for attribute in node.attr.values():
            one = [attribute.func] if attribute.HasField("func") else []
            for called in (*one, *attribute.list.func):
                called.name = names.get(called.name, called.name)
    for each in graph.library.function:
        each.signature.name = names[each.signature.name]
    graph.library.ClearField("gradient")


def _value(node: Any, session: Any) -> Any:
    tensor = session.graph.get_tensor_by_name(f"{node.name}:0")
    if tensor.dtype == tf.resource:
        tensor = tf.raw_ops.ReadVariableOp(resource=tensor, dtype=node.attr["dtype"].type)
    return session.run(tensor)


def _entries(node: Any, session: Any) -> tuple[Any, Any, tf.DType, tf.DType]:
    key, value = (tf.as_dtype(node.attr[each].type) for each in ("key_dtype", "value_dtype"))
    table = session.graph.get_tensor_by_name(f"{node.name}:0")
    exported = tf.raw_ops.LookupTableExportV2(table_handle=table, Tkeys=key, Tvalues=value)
    keys, values = session.run(exported)
    return keys, values, key, value


def _rebuilt(folder: Path, graph: _Graph, definitions: Mapping[str, Any]) -> LoadedModel:
    """The signatures over new variables and tables."""
    variables = {
        name: tf.Variable(value, name=name.rpartition("/")[2], trainable=False)
        for name, value in graph.variables.items()
    }
    tables = {name: _table(*entries) for name, entries in graph.tables.items()}
    kinds = {node.name: node.op for node in graph.nodes.node}

    def replacement(name: str) -> Any:
        capture = tf.compat.v1.get_default_graph().capture
        if name in tables:
            return capture(tables[name].resource_handle)
        variable = variables[name]
        return capture(variable.handle) if kinds[name] == "VarHandleOp" else variable.read_value()

    return LoadedModel(
        str(folder),
        {
            name: _signature(folder, graph, definition, replacement)
            for name, definition in definitions.items()
        },
        list(variables.values()),
        list(tables.values()),
    )


def _table(keys: Any, values: Any, key: tf.DType, value: tf.DType) -> Any:
    entries = tf.lookup.KeyValueTensorInitializer(keys, values, key, value)
    # The graph itself gives the default for an unknown key, at each lookup.
    return tf.lookup.StaticHashTable(entries, tf.constant("") if value == tf.string else 0)


def _signature(
    folder: Path, graph: _Graph, definition: Any, replacement: Callable[[str], Any]
) -> LoadedSignature:
    """A signature over what replaces the nodes of variables and tables."""
    infos, outputs = _by_plain_names(definition.inputs), _by_plain_names(definition.outputs)
    places = {name: _tensor_name(info, folder) for name, info in infos.items()}
    part = _sub_graph(graph.nodes, [info.name.partition(":")[0] for info in outputs.values()])
    used = {name.lstrip("^").partition(":")[0] for node in part.node for name in node.input}
    replaceable = graph.variables.keys() | graph.tables.keys()

    def call(**tensors: tf.Tensor) -> dict[str, tf.Tensor]:
        given = {places[name]: tensor for name, tensor in tensors.items()}
        replaced = {key: each for key, each in given.items() if key.partition(":")[0] in used}
        replaced |= {f"{name}:0": replacement(name) for name in sorted(replaceable & used)}
        kept = tf.compat.v1.GraphDef(library=part.library, versions=part.versions)
        for function in part.library.function:
            context.context().add_function_def(function)
        kept.node.extend(node for node in part.node if f"{node.name}:0" not in replaced)
        found = tf.graph_util.import_graph_def(
            kept, replaced, [info.name for info in outputs.values()], name="imported"
        )
        answers = zip(outputs.items(), found, strict=True)
        return {name: _shaped(tensor, info) for (name, info), tensor in answers}

    inputs = {
        name: tf.TensorSpec(info.tensor_shape, tf.as_dtype(info.dtype), name)
        for name, info in infos.items()
    }
    return trace(str(folder), call, inputs)


def _by_plain_names(found: Mapping[str, Any]) -> dict[str, Any]:
    keys = sorted(found)  # a message's own order changes from run to run
    return dict(zip(plain_names(keys), (found[key] for key in keys), strict=True))


def _tensor_name(info: Any, folder: Path) -> str:
    if not info.name:
        raise PackagingError(
            f"{folder} has a signature with a sparse or composite tensor: only dense tensors can "
            "be served. Save it again with a signature of dense ones."
        )
    return str(info.name)


def _shaped(tensor: tf.Tensor, info: Any) -> tf.Tensor:
    """The tensor with what the signature says of its shape."""
    return tensor if info.tensor_shape.unknown_rank else tf.ensure_shape(tensor, info.tensor_shape)
