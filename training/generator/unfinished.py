"""What an interrupted training has learned so far, so that the same command goes on from there."""

import io
import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import keras
import numpy as np

from training.files import write_atomically
from training.recipes import Recipe

History = dict[str, list[float]]


class Unfinished:
    """A file beside the folder that is to be made; it exists while that isn't there."""

    def __init__(self, target: Path, recipe: Recipe) -> None:
        self._path = target.parent / f".{target.name}.unfinished.npz"
        self._recipe = json.dumps(asdict(recipe), sort_keys=True)

    def keep(self, variables: Sequence[keras.Variable], history: History) -> None:
        """Write the variables and the history after an epoch.

        Raises:
            DiskFullError, NotWritableError: the file can't be written.
        """
        content = io.BytesIO()
        story = np.array([self._recipe, json.dumps(history)])
        values = [variable.numpy() for variable in variables]
        np.savez(content, *values, allow_pickle=False, story=story)
        write_atomically(self._path, content.getvalue())

    def restore(self, variables: Sequence[keras.Variable]) -> History:
        """Set the variables to what was kept by the same recipe, and return the history.

        The history is empty, and the variables stay as they are, if nothing was.
        """
        if not self._path.exists():
            return {}
        with np.load(self._path) as kept:
            recipe, history = kept["story"]
            if recipe != self._recipe:
                return {}
            for number, variable in enumerate(variables):
                variable.assign(kept[f"arr_{number}"])
        found: History = json.loads(str(history))
        return found

    def remove(self) -> None:
        """Delete the file: the training is finished."""
        self._path.unlink(missing_ok=True)
