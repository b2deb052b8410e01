"""Signatures as XLA runs them: beside each, a second call of its function that is compiled.

A SavedModel of TensorFlow 2 calls a function for each signature: one node of its graph. XLA
compiles a node that has the attribute `_XlaMustCompile` (`tf.function(jit_compile=True)` sets it,
too) for each shape of inputs with which it is called. So a copy of the node with that attribute is
the compiled signature, and reads the same variables.
"""

from typing import Any, Final

_CALLS: Final = ("PartitionedCall", "StatefulPartitionedCall")
_SUFFIX: Final = "_compiled_by_xla"


def add_compiled_calls(meta_graph: Any) -> set[str]:
    """Add compiled calls to a MetaGraphDef; return the signatures that have one now."""
    nodes = {node.name: node for node in meta_graph.graph_def.node}
    calls: dict[str, Any] = {}
    for name, signature in meta_graph.signature_def.items():
        producers = {tensor.name.partition(":")[0] for tensor in signature.outputs.values()}
        call = nodes.get(producers.pop()) if len(producers) == 1 else None
        if call is not None and call.op in _CALLS:
            calls[name] = call
    for call in {call.name: call for call in calls.values()}.values():
        compiled = meta_graph.graph_def.node.add()
        compiled.CopyFrom(call)
        compiled.name = call.name + _SUFFIX
        compiled.attr["_XlaMustCompile"].b = True
    return set(calls)


def compiled_name(tensor: str) -> str:
    """Return the compiled call's tensor for one of the plain call: "call:1" for instance."""
    node, _, index = tensor.partition(":")
    return f"{node}{_SUFFIX}:{index}"
