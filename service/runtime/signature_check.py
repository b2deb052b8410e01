"""Whether a signature of a SavedModel is as the model's card describes it."""

from collections.abc import Mapping
from typing import Any, TypeAlias

from service.runtime.card import SignatureSpec, TensorSpec

Shape: TypeAlias = tuple[int | None, ...] | None
"""A tensor's shape; None stands for a dimension of any size, or for an unknown shape."""


def find_difference(spec: SignatureSpec, function: Any, *, is_batched: bool = True) -> str | None:
    """Return how a signature differs from the card, or None if it doesn't.

    Args:
        spec: what the card says.
        function: the signature, as TensorFlow loads it.
        is_batched: whether every input must take batches of any size.
    """
    inputs: Mapping[str, Any] = function.structured_input_signature[1]
    faults = (
        *(_compare("input", name, said, inputs) for name, said in spec.inputs.items()),
        *(_check_batch(name, tensor) for name, tensor in inputs.items() if is_batched),
        _check_named(spec.inputs, inputs),
        *(
            _compare("output", name, said, function.structured_outputs)
            for name, said in spec.outputs.items()
        ),
    )
    return next((fault for fault in faults if fault is not None), None)


def _check_batch(name: str, tensor: Any) -> str | None:
    shape = _shape_of(tensor)
    if shape is None or shape[:1] == (None,):
        return None
    return f"the input {name!r} must take batches of any size, but it is {_described(tensor)}"


def _check_named(said: Mapping[str, TensorSpec], found: Mapping[str, Any]) -> str | None:
    unnamed = {name: tensor for name, tensor in found.items() if name not in said}
    return f"the card doesn't name the input {_listed(unnamed)}" if unnamed else None


def _compare(kind: str, name: str, said: TensorSpec, found: Mapping[str, Any]) -> str | None:
    if name not in found:
        return f"the card names an {kind} {name!r}, but the model has {_listed(found)}"
    tensor = found[name]
    if tensor.dtype.name != said.dtype or not fits(said.shape, _shape_of(tensor)):
        wanted = f"{said.dtype} {written(said.shape)}"
        return f"the {kind} {name!r} is {_described(tensor)}, but the card says {wanted}"
    return None


def fits(said: Shape, found: Shape) -> bool:
    """Tell whether two shapes can belong to the same tensor."""
    if said is None or found is None:
        return True
    return len(said) == len(found) and all(
        None in sizes or sizes[0] == sizes[1] for sizes in zip(said, found, strict=True)
    )


def _shape_of(tensor: Any) -> Shape:
    return None if tensor.shape.rank is None else tuple(tensor.shape.as_list())


def _listed(tensors: Mapping[str, Any]) -> str:
    return (
        ", ".join(f"{name!r} ({_described(tensors[name])})" for name in sorted(tensors)) or "none"
    )


def _described(tensor: Any) -> str:
    return f"{tensor.dtype.name} {written(_shape_of(tensor))}"


def written(shape: Shape) -> str:
    """Return a shape as it is usually written: [?, 28, 28, 1]."""
    if shape is None:
        return "of any shape"
    return "[" + ", ".join("?" if size is None else str(size) for size in shape) + "]"
