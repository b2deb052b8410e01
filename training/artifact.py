"""Exported models, loaded as their users load them: only with `tf.saved_model.load`."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from training.errors import ArtifactError


def load(folder: Path) -> Any:
    """Load `folder` with `tf.saved_model.load`.

    Raises:
        ArtifactError: there is no SavedModel.
    """
    try:
        return tf.saved_model.load(str(folder))
    except (OSError, tf.errors.OpError) as error:
        raise ArtifactError(f"{folder} holds no SavedModel: {error}") from error


def call(
    loaded: Any, signature: str, inputs: Mapping[str, np.ndarray], batch: int = 500
) -> dict[str, np.ndarray]:
    """The signature's outputs for all rows of the inputs, computed `batch` rows at a time."""
    function = loaded.signatures[signature]
    rows = len(next(iter(inputs.values())))
    answers = [
        function(
            **{name: tf.constant(array[start : start + batch]) for name, array in inputs.items()}
        )
        for start in range(0, rows, batch)
    ]
    return {
        name: np.concatenate([answer[name].numpy() for answer in answers]) for name in answers[0]
    }
