"""What a graph's output comes from: a softmax, a sigmoid, or something else."""

from typing import Any, Literal

Ending = Literal["softmax", "sigmoid", "none"]

PASSING = {"Identity", "IdentityN", "Cast", "EnsureShape", "StopGradient", "Reshape", "Squeeze"}
"""Operations that leave the values as they are."""

CALLS = {"PartitionedCall", "StatefulPartitionedCall"}


def ending(function: Any, output: str) -> Ending:
    """Which operation computes an output of a concrete function, found in its graph."""
    graph = function.graph.as_graph_def()
    functions = {each.signature.name: each for each in graph.library.function}
    tensor = function.outputs[sorted(function.structured_outputs).index(output)].name
    nodes = {node.name: node for node in graph.node}
    while (node := nodes.get(_split(tensor)[0])) is not None:
        if node.op in CALLS:
            called = functions[node.attr["f"].func.name]
            nodes = {each.name: each for each in called.node_def}
            tensor = called.ret[called.signature.output_arg[_split(tensor)[1]].name]
        elif node.op in PASSING:
            tensor = node.input[_split(tensor)[1] if node.op == "IdentityN" else 0]
        else:
            return {"Softmax": "softmax", "Sigmoid": "sigmoid"}.get(node.op, "none")  # type: ignore[return-value]
    return "none"


def _split(tensor: str) -> tuple[str, int]:
    """A tensor's node and index; graphs write NODE:0 or NODE, functions NODE:output:0."""
    name, *place = tensor.split(":")
    return name, int(place[-1]) if place else 0
