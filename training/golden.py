"""Golden inputs: examples that are kept with a model, and its answers when it was made.

They are in `golden.npz`, an array for each `SIGNATURE/inputs/NAME` and `SIGNATURE/outputs/NAME`,
the batch in front; strings as bytes (dtype S). Who serves the model asks it the same, and sees
whether it still answers so.
"""

import io
from collections.abc import Sequence
from pathlib import Path
from typing import TypeVar

import numpy as np

from training import export
from training.files import write_atomically

FILE_NAME = "golden.npz"
ROWS = 32

Rows = TypeVar("Rows", np.ndarray, list[str])


def choose(rows: Rows) -> Rows:
    """At most `ROWS` of the rows, evenly spread: some data sets are ordered by class."""
    return rows[:: max(1, len(rows) // ROWS)][:ROWS]


def write(folder: Path, examples: Sequence[export.Example]) -> None:
    """Write `golden.npz` into a model's folder, if the model answers so in a fresh process.

    Raises:
        ExportError: it answers something else, or can't be loaded there.
    """
    export.verify(folder, examples)
    arrays = {
        f"{example.signature}/{side}/{name}": array
        for example in examples
        for side, tensors in (("inputs", example.inputs), ("outputs", example.outputs))
        for name, array in tensors.items()
    }
    content = io.BytesIO()
    np.savez_compressed(content, allow_pickle=False, **arrays)
    write_atomically(folder / FILE_NAME, content.getvalue())
