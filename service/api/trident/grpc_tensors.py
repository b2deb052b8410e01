"""Arrays as messages of `trident.v1`, both ways."""

from collections.abc import Mapping
from contextlib import suppress
from typing import Any

import numpy as np
from numpy.typing import NDArray

from service.errors import UndecodableInputError, quoted
from service.tasks.preprocessing.arrays import numpy_dtype

Array = NDArray[Any]


def read_tensors(tensors: Mapping[str, Any]) -> dict[str, Array] | UndecodableInputError:
    """Return the arrays of a request by their names, or the error of the first that isn't one."""
    try:
        return {name: _read(name, tensor) for name, tensor in tensors.items()}
    except UndecodableInputError as error:
        return error


def tensor_fields(array: Array) -> dict[str, Any]:
    """Return the fields of an array's message."""
    shape = list(array.shape)
    if array.dtype == object:
        return {"dtype": "string", "shape": shape, "strings": array.ravel().tolist()}
    little = array.astype(array.dtype.newbyteorder("<"), copy=False)
    return {"dtype": array.dtype.name, "shape": shape, "content": little.tobytes()}


def _read(name: str, tensor: Any) -> Array:
    shape = tuple(tensor.shape)
    if tensor.dtype == "string":
        array = np.empty(len(tensor.strings), dtype=object)
        array[:] = list(tensor.strings)
    else:
        array = _numbers(name, tensor)
    if min(shape, default=0) >= 0:
        with suppress(ValueError):
            return array.reshape(shape)
    raise UndecodableInputError(
        f"The input {quoted(name)} has {array.size} elements, which isn't what its shape says, or "
        "the shape has too many dimensions."
    )


def _numbers(name: str, tensor: Any) -> Array:
    try:
        return np.frombuffer(tensor.content, numpy_dtype(tensor.dtype).newbyteorder("<"))
    except TypeError:
        raise UndecodableInputError(
            f"The input {quoted(name)} has no known type: its dtype must be a name such as float32."
        ) from None
    except ValueError:
        raise UndecodableInputError(
            f"The input {quoted(name)} holds {len(tensor.content)} bytes, which isn't a whole "
            f"number of elements of the type {quoted(tensor.dtype)}."
        ) from None
