"""The training settings that users may change, and each model's defaults."""

from dataclasses import dataclass, replace
from typing import Literal

FULL_BATCH = 0
"""The batch size that stands for all training examples at once."""

QUICK_EXAMPLES = 2_000
"""The number of training examples in a smoke test."""


@dataclass(frozen=True)
class Recipe:
    """How to train.

    The batch size determines the kind of gradient descent: 1 is stochastic in the original sense
    (one step per example), `FULL_BATCH` is one step per epoch, anything between is mini-batch.
    """

    epochs: int
    batch_size: int
    learning_rate: float
    """The highest rate: it rises to this (warm-up), then falls along a cosine."""
    optimizer: Literal["adam", "sgd"] = "adam"
    seed: int = 0
    quick: bool = False
    """A smoke test with only `QUICK_EXAMPLES` training examples. The model isn't usable."""

    def quickly(self) -> "Recipe":
        """The recipe's smoke test: one epoch."""
        return replace(self, epochs=1, quick=True)


PLAIN_RECIPE = Recipe(epochs=5, batch_size=64, learning_rate=1e-3)
"""What the classifiers of pictures are compared with: only Adam, nothing else."""

RECIPES = {
    "digits": Recipe(epochs=50, batch_size=128, learning_rate=3e-3),
    "sentiment": Recipe(epochs=6, batch_size=64, learning_rate=2e-3),
    "embedding": Recipe(epochs=30, batch_size=128, learning_rate=2e-3),
    "fashion": Recipe(epochs=50, batch_size=128, learning_rate=3e-3),
    "cifar": Recipe(epochs=50, batch_size=128, learning_rate=3e-3),
}

SHIPPED = ["digits", "sentiment", "embedding"]
"""The models that are part of the repository."""
