"""Converting between arrays and nested lists of JSON."""

import base64
import binascii
import re
from itertools import chain
from typing import Any, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from service.errors import UndecodableInputError

Array: TypeAlias = NDArray[Any]

_MOST_DIMENSIONS: Final = 32
_NUMBERS: Final = re.compile(r"(?:bool|u?int|b?float|complex)[0-9a-z_]*")


def read_array(name: str, value: Any, dtype: str) -> Array:
    """Make an array of a value, or of nested lists of values.

    Strings are kept as bytes: text as UTF-8, an object `{"b64": ...}` decoded. An array must
    already have the type.

    Args:
        name: the input's, for errors.
        value: numbers, booleans or strings, in lists of the same lengths.
        dtype: TensorFlow's name of the elements' type, such as "float32" or "string".

    Raises:
        UndecodableInputError: the lists are ragged, or an element isn't of that type.
    """
    if isinstance(value, np.ndarray):
        if value.dtype != (np.dtype(object) if dtype == "string" else numpy_dtype(dtype)):
            raise _wrong_type(name, dtype)
        return value
    if dtype == "string":
        return _read_strings(name, value)
    _check_types(name, value, dtype)
    try:
        found = np.asarray(value)
    except (ValueError, OverflowError):
        raise _not_regular(name) from None
    if found.size == 0:
        found = found.astype(np.float64)
    wanted = numpy_dtype(dtype)
    if found.dtype.kind not in _ACCEPTED[_family(wanted)] and found.size:
        raise _wrong_type(name, dtype)
    if wanted.kind in "iu" and found.size:
        limits = np.iinfo(wanted)
        if found.min() < limits.min or found.max() > limits.max:
            raise UndecodableInputError(
                f'A value of the input "{name}" is out of the range of {dtype}: '
                f"{limits.min} to {limits.max}."
            )
    with np.errstate(over="ignore"):  # a number that is too large for a float becomes infinite
        return found.astype(wanted)


def nested_lists(array: Array) -> Any:
    """Return an array as nested lists, or as a value if it has no dimension.

    Strings are text if they are UTF-8, otherwise objects `{"b64": ...}`. Types without a number in
    JSON (bfloat16) are written as float32.
    """
    if array.dtype == object:
        return _written(array.tolist())
    return (array.astype(np.float32) if array.dtype.kind == "V" else array).tolist()


def numpy_dtype(dtype: str) -> np.dtype[Any]:
    """Return the type of numbers with TensorFlow's name. Raises TypeError if there is none."""
    if _NUMBERS.fullmatch(dtype) is None:  # numpy would read it as a type's formula: "f4,f4"
        raise TypeError
    try:
        found: np.dtype[Any] = np.dtype(dtype)
    except TypeError:
        import ml_dtypes

        if not hasattr(ml_dtypes, dtype):
            raise
        found = np.dtype(getattr(ml_dtypes, dtype))
    return found


_ACCEPTED: Final = {"bool": "b", "int": "iu", "float": "iuf"}
"""Kinds of numbers in JSON that are accepted for a family of types."""


def _family(dtype: np.dtype[Any]) -> str:
    return {"b": "bool", "i": "int", "u": "int"}.get(dtype.kind, "float")


def _check_types(name: str, value: Any, dtype: str) -> None:
    """Check that nested lists hold numbers alone.

    If there is one string, numpy makes all values strings of its length: 60 kB become 1.6 GB.
    """
    level = [value]
    while level and set(map(type, level)) == {list}:
        level = list(chain.from_iterable(level))
    kinds = set(map(type, level))
    if list in kinds:
        raise _not_regular(name)
    if not kinds <= {bool, int, float}:
        raise _wrong_type(name, dtype)


def _read_strings(name: str, value: Any) -> Array:
    shape = _shape(value)
    if len(shape) > _MOST_DIMENSIONS:
        raise _not_regular(name)
    flat: list[bytes] = []
    _flatten(name, value, shape, flat)
    array = np.empty(len(flat), dtype=object)
    array[:] = flat
    return array.reshape(shape)


def _shape(value: Any) -> tuple[int, ...]:
    shape: list[int] = []
    while isinstance(value, list):
        shape.append(len(value))
        if not value:
            break
        value = value[0]
        if len(shape) > _MOST_DIMENSIONS:
            break
    return tuple(shape)


def _flatten(name: str, value: Any, shape: tuple[int, ...], into: list[bytes]) -> None:
    if not shape:
        into.append(_read_string(name, value))
        return
    if not isinstance(value, list) or len(value) != shape[0]:
        raise _not_regular(name)
    for item in value:
        _flatten(name, item, shape[1:], into)


def _read_string(name: str, value: Any) -> bytes:
    if isinstance(value, str):
        return value.encode()
    if isinstance(value, dict) and value.keys() == {"b64"} and isinstance(value["b64"], str):
        try:
            return base64.b64decode(value["b64"], validate=True)
        except binascii.Error:
            raise UndecodableInputError(f'A "b64" of the input "{name}" isn\'t base64.') from None
    if isinstance(value, list):
        raise _not_regular(name)
    raise _wrong_type(name, "string")


def _written(value: Any) -> Any:
    if isinstance(value, list):
        return [_written(item) for item in value]
    try:
        return value.decode()
    except UnicodeDecodeError:
        return {"b64": base64.b64encode(value).decode()}


def _not_regular(name: str) -> UndecodableInputError:
    return UndecodableInputError(
        f'The lists of the input "{name}" have different lengths: send lists of the same length.'
    )


def _wrong_type(name: str, dtype: str) -> UndecodableInputError:
    return UndecodableInputError(f'The input "{name}" must have values of the type {dtype}.')
