"""A TensorFlow SavedModel, called with NumPy arrays. TensorFlow is imported here alone."""

import os
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from service.core.card import SignatureSpec
from service.core.errors import CorruptModelError

Array = NDArray[Any]

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")  # TensorFlow greets with a page of notes


class SavedModel:
    """A SavedModel in memory."""

    def __init__(self, path: Path) -> None:
        """Load the folder `path`. Raises CorruptModelError if TensorFlow can't."""
        import tensorflow as tf

        try:
            self._module = tf.saved_model.load(str(path))
        except (OSError, ValueError, tf.errors.OpError) as error:
            raise CorruptModelError(f"{path} isn't a SavedModel that loads: {error}") from error
        self._path = path

    def signature(self, name: str, spec: SignatureSpec) -> "Signature":
        """Return the signature `name`. Raises CorruptModelError if the model has none."""
        if name not in self._module.signatures:
            raise CorruptModelError(f"{self._path} has no signature {name!r}, but its card does.")
        return Signature(self._module.signatures[name], spec)


class Signature:
    """A signature with one input, called on a whole batch."""

    def __init__(self, function: Any, spec: SignatureSpec) -> None:
        (self._input_name, self._input_spec) = next(iter(spec.inputs.items()))
        self._function = function

    def __call__(self, batch: Array | list[str]) -> dict[str, Array]:
        """Run the model on `batch` ([n, ...], or n texts); return its outputs, each [n, ...]."""
        import tensorflow as tf

        tensor = tf.constant(batch, dtype=self._input_spec.dtype)
        outputs = self._function(**{self._input_name: tensor})
        return {name: np.asarray(value) for name, value in outputs.items()}
