"""Unpickling that can make numpy arrays and nothing else.

A pickle is a program: `pickle.load` of a downloaded file runs whatever its author put there. This
reader accepts three names (those that numpy writes for an array) and refuses all others. See
"Restricting Globals" in the documentation of Python's `pickle`.
"""

import io
import pickle
from typing import Any

import numpy as np

from training.errors import UnsafePickleError


def _reconstruct(subtype: type, shape: tuple[int, ...], typecode: str) -> np.ndarray:
    """An empty array, as numpy's private function of that name makes for a pickle to fill."""
    if subtype is not np.ndarray:
        raise UnsafePickleError(f"The pickle asks for an array of type {subtype!r}.")
    return np.ndarray(shape, np.dtype(typecode))


ALLOWED: dict[tuple[str, str], Any] = {
    ("numpy.core.multiarray", "_reconstruct"): _reconstruct,
    ("numpy._core.multiarray", "_reconstruct"): _reconstruct,
    ("numpy", "ndarray"): np.ndarray,
    ("numpy", "dtype"): np.dtype,
}


class _ArrayUnpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in ALLOWED:
            raise UnsafePickleError(
                f"The pickle asks for {module}.{name}, but only numpy arrays are allowed: "
                "the file is not the expected one. Delete it and fetch it again."
            )
        return ALLOWED[module, name]


def load_arrays(pickled: bytes) -> Any:
    """The tuples, lists and dicts of numpy arrays in `pickled`.

    Strings of Python 2 are read as latin-1.

    Raises:
        UnsafePickleError: it asks for anything but numpy arrays, or isn't a pickle.
    """
    try:
        return _ArrayUnpickler(io.BytesIO(pickled), encoding="latin1").load()
    except UnsafePickleError:
        raise
    except Exception as error:
        raise UnsafePickleError(f"The file is not a pickle of numpy arrays: {error}") from error
