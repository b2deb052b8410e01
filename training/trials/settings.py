"""What a trial may change."""

from dataclasses import dataclass
from typing import Literal

from training.recipes import RECIPES, Recipe

Activation = Literal["relu", "tanh", "sigmoid"]


@dataclass(frozen=True)
class Settings:
    """How a trial trains. The defaults are a plain training: Adam, and nothing else."""

    learning_rate: float = 1e-3
    optimizer: Literal["adam", "sgd"] = "adam"
    batch_size: int = 64
    activation: Activation = "relu"
    """Of the hidden layers."""
    dropout: float = 0.0
    """Share of the last hidden layer's outputs that are dropped (Srivastava et al., 2014)."""
    weight_decay: float = 0.0
    """Times the learning rate, this share of each weight goes at each step (Loshchilov and Hutter,
    2019)."""
    label_smoothing: float = 0.0
    """Share of the target probability that all classes have in common (Szegedy et al., 2016)."""
    augmentation: float = 0.0
    """Share of the training pictures that are changed, by the changes of the model's training."""
    schedule: bool = False
    """Whether the rate rises to `learning_rate` and then falls to 0 (`training.fitting`)."""
    averaging: bool = False
    """Whether the average of the last weights replaces them (`training.fitting`)."""

    @property
    def recipe(self) -> Recipe:
        """As `training.fitting` takes the batch size."""
        return Recipe(1, self.batch_size, self.learning_rate, self.optimizer)


@dataclass(frozen=True)
class Length:
    """How long a trial trains: `seen` examples in all, out of the first `examples`.

    It is the same for every batch size, so that none sees more data than another.
    """

    examples: int
    seen: int


def usual(name: str) -> Settings:
    """The settings of the model's own recipe, without regularisation."""
    recipe = RECIPES[name]
    return Settings(
        recipe.learning_rate,
        recipe.optimizer,
        recipe.batch_size,
        augmentation=1.0,
        schedule=True,
        averaging=True,
    )
