"""The settings that a practitioner turns, and what each model takes when nobody turns them."""

from dataclasses import dataclass, replace
from typing import Literal

FULL_BATCH = 0
"""The batch size that stands for all training examples at once."""

QUICK_EXAMPLES = 2_000
"""How many training examples a quick run sees."""


@dataclass(frozen=True)
class Recipe:
    """How to train.

    The batch size makes the kind of gradient descent: 1 is stochastic in the word's first sense
    (a step an example), `FULL_BATCH` is one step an epoch, anything between is mini-batch.
    """

    epochs: int
    batch_size: int
    learning_rate: float
    """The highest: it is warmed up to, then lowered along a cosine."""
    optimizer: Literal["adam", "sgd"] = "adam"
    seed: int = 0
    quick: bool = False
    """A smoke run: `QUICK_EXAMPLES` training examples only. The result is no good."""

    def quickly(self) -> "Recipe":
        """The recipe's smoke run: one epoch."""
        return replace(self, epochs=1, quick=True)


PLAIN_RECIPE = Recipe(epochs=5, batch_size=64, learning_rate=1e-3)
"""What the digit classifier is compared with: nothing but Adam."""

RECIPES = {
    "digits": Recipe(epochs=50, batch_size=128, learning_rate=3e-3),
    "sentiment": Recipe(epochs=6, batch_size=64, learning_rate=2e-3),
    "embedding": Recipe(epochs=30, batch_size=128, learning_rate=2e-3),
}
