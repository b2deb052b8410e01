"""The models' modules, `training.digits` for one, and what they offer."""

import importlib
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, cast

from training.recipes import Recipe

if TYPE_CHECKING:
    from training.card import Card


class Trainer(Protocol):
    """What each model's module offers."""

    def train(self, recipe: Recipe, target: Path) -> "Card":
        """Train, export and evaluate into `target`."""

    def evaluate(self, folder: Path) -> "Card":
        """Measure the exported model in `folder` again; rewrite its card and pictures."""


def trainer(name: str) -> Trainer:
    """The module of a model; imported late, since importing TensorFlow takes seconds."""
    return cast(Trainer, importlib.import_module(f"training.{name}"))
