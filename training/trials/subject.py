"""A model whose training is tried with other settings."""

from collections.abc import Callable, Sequence
from typing import Literal, Protocol

import keras

from training.trials.settings import Length, Settings

Told = Callable[[int, float], None]
"""Is told the number of the report, from 1, and the value on validation data so far; it isn't told
the end."""


class Subject(Protocol):
    """A model, and the data that its trials need."""

    name: str
    measure: str
    """What `train` and `test` return."""
    direction: Literal["maximize", "minimize"]
    adjustable: Sequence[str]
    """The fields of `Settings` that have an effect on this model."""
    smallest_batch: int

    def train(
        self, settings: Settings, length: Length, seed: int, tell: Told
    ) -> tuple[keras.Model, float]:
        """Train; the model, and its value on validation data. `tell` may raise to end it."""

    def test(self, model: keras.Model) -> float:
        """The measure on the test part. Nothing else reads that part."""
