"""A model as it will be served: what its task makes of it, before it is written."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from training.card import Preprocessing, Task
from training.packaging.loaded import LoadedSignature

Inputs = dict[str, np.ndarray]
"""An array for each input of a signature, the batch in front."""


@dataclass(frozen=True)
class ServedModel:
    """A model that fits its task: its signature will be `serving_default`.

    `random_inputs` makes so many rows of inputs, several times in different ways: the later are for
    models that refuse the earlier. `read_samples` makes at most so many rows of files. Without a
    dimension for the batch (`is_batched`), inputs are those of one request.
    """

    task: Task
    signature: LoadedSignature
    preprocessing: Preprocessing
    labels: list[str] | None
    random_inputs: Callable[[int, np.random.Generator], Sequence[Inputs]]
    read_samples: Callable[[Sequence[Path], int], Inputs]
    is_batched: bool = True
