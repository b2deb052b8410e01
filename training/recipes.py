"""The training settings that users may change, and each model's defaults."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

FULL_BATCH = 0
"""The batch size that stands for all training examples at once."""

QUICK_EXAMPLES = 2_000
"""The number of training examples in a smoke test."""


PRIVATE: Mapping[str, int | float] = {"epochs": 40, "batch_size": 4096, "learning_rate": 8e-3}
"""What private training needs in place of a model's own recipe: large samples."""


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
    adversarial: float = 0.0
    """Train on attacked pictures: how far the attack moves each value in 0..1 (L-infinity)."""
    quick: bool = False
    """A smoke test with only `QUICK_EXAMPLES` training examples. The model isn't usable."""
    private: float = 0
    """Differential privacy of the training examples: its epsilon; 0: none."""

    def quickly(self) -> "Recipe":
        """The recipe's smoke test: one epoch."""
        return replace(self, epochs=1, quick=True)

    def for_privacy(self) -> "Recipe":
        """The recipe with what private training needs."""
        return replace(self, **PRIVATE)  # type: ignore[arg-type]


PLAIN_RECIPE = Recipe(epochs=5, batch_size=64, learning_rate=1e-3)
"""What the classifiers of pictures are compared with: only Adam, nothing else."""

RECIPES = {
    "digits": Recipe(epochs=50, batch_size=128, learning_rate=3e-3),
    "sentiment": Recipe(epochs=4, batch_size=64, learning_rate=2e-3),
    "embedding": Recipe(epochs=30, batch_size=128, learning_rate=2e-3),
    "generator": Recipe(epochs=16, batch_size=64, learning_rate=1e-3),
    "fashion": Recipe(epochs=50, batch_size=128, learning_rate=3e-3),
    "cifar": Recipe(epochs=50, batch_size=128, learning_rate=3e-3),
}


@dataclass(frozen=True)
class ShippedModel:
    """A version of a model that is part of the repository."""

    name: str
    version: int
    minutes: int
    """How long its training and evaluation take on two cores with nothing else to do."""
    quick_seconds: int
    """How long its smoke test takes on one core."""
    changes: Mapping[str, str | int | float] = field(default_factory=dict)
    """The fields of its recipe that differ from the model's in `RECIPES`, with their values."""

    @property
    def recipe(self) -> Recipe:
        """How it is trained."""
        return replace(RECIPES[self.name], **self.changes)  # type: ignore[arg-type]


SHIPPED = [
    ShippedModel("digits", 1, minutes=10, quick_seconds=25),
    ShippedModel(
        "digits", 2, minutes=8, quick_seconds=25, changes={"adversarial": 0.1, "epochs": 16}
    ),
    ShippedModel("digits", 3, minutes=6, quick_seconds=25, changes={"private": 3.0, **PRIVATE}),
    ShippedModel("sentiment", 1, minutes=13, quick_seconds=105),
    ShippedModel("embedding", 1, minutes=30, quick_seconds=55),
    ShippedModel("generator", 1, minutes=11, quick_seconds=25),
]
"""What `python -m training all` makes, in this order."""
