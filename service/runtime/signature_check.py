"""Whether a signature of a SavedModel is as the model's card describes it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from service.runtime.card import SignatureSpec, TensorSpec

Shape: TypeAlias = tuple[int | None, ...] | None
"""A tensor's shape; None stands for a dimension of any size, or for an unknown shape."""


@dataclass(frozen=True, slots=True)
class _Tensor:
    """A tensor as the model has it."""

    dtype: str
    shape: Shape


def find_difference(spec: SignatureSpec, found: Any, *, is_batched: bool = True) -> str | None:
    """Return how a signature differs from the card, or None if it doesn't.

    Args:
        spec: what the card says.
        found: the signature of the model, a SignatureDef.
        is_batched: whether every input must take batches of any size.
    """
    inputs, outputs = _tensors(found.inputs), _tensors(found.outputs)
    faults = (
        *(_compare("input", name, said, inputs) for name, said in spec.inputs.items()),
        *(_check_batch(name, tensor) for name, tensor in inputs.items() if is_batched),
        _check_named(spec.inputs, inputs),
        *(_compare("output", name, said, outputs) for name, said in spec.outputs.items()),
    )
    return next((fault for fault in faults if fault is not None), None)


def _check_batch(name: str, tensor: _Tensor) -> str | None:
    if tensor.shape is None or tensor.shape[:1] == (None,):
        return None
    return f"the input {name!r} must take batches of any size, but it is {_described(tensor)}"


def _check_named(said: Mapping[str, TensorSpec], found: Mapping[str, _Tensor]) -> str | None:
    unnamed = {name: tensor for name, tensor in found.items() if name not in said}
    return f"the card doesn't name the input {_listed(unnamed)}" if unnamed else None


def _compare(kind: str, name: str, said: TensorSpec, found: Mapping[str, _Tensor]) -> str | None:
    if name not in found:
        return f"the card names an {kind} {name!r}, but the model has {_listed(found)}"
    tensor = found[name]
    if tensor.dtype != said.dtype or not fits(said.shape, tensor.shape):
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


def _tensors(found: Mapping[str, Any]) -> dict[str, _Tensor]:
    from tensorflow.python.framework.dtypes import as_dtype

    return {
        name: _Tensor(as_dtype(info.dtype).name, _shape(info.tensor_shape))
        for name, info in found.items()
    }


def _shape(found: Any) -> Shape:
    if found.unknown_rank:
        return None
    return tuple(None if size.size < 0 else size.size for size in found.dim)


def _listed(tensors: Mapping[str, _Tensor]) -> str:
    return (
        ", ".join(f"{name!r} ({_described(tensors[name])})" for name in sorted(tensors)) or "none"
    )


def _described(tensor: _Tensor) -> str:
    return f"{tensor.dtype} {written(tensor.shape)}"


def written(shape: Shape) -> str:
    """Return a shape as it is usually written: [?, 28, 28, 1]."""
    if shape is None:
        return "of any shape"
    return "[" + ", ".join("?" if size is None else str(size) for size in shape) + "]"
