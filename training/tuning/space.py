"""Among which settings the search looks."""

from collections.abc import Mapping
from dataclasses import asdict, replace
from typing import Any

import optuna

from training.recipes import FULL_BATCH
from training.trials.settings import Settings, usual
from training.trials.subject import Subject

RATES = {"adam": (1e-4, 3e-2), "sgd": (5e-3, 1.0)}
"""Lowest and highest learning rate for each optimizer: they differ by about fifty."""

ACTIVATIONS = ["relu", "tanh", "sigmoid"]

HIGHEST = {"dropout": 0.5, "weight_decay": 0.1, "label_smoothing": 0.2, "augmentation": 1.0}
"""These begin at 0."""


def suggest(trial: optuna.Trial, subject: Subject, examples: int) -> Settings:
    """The settings of a trial; those that have no effect on the model stay the usual ones."""
    optimizer = trial.suggest_categorical("optimizer", list(RATES))
    changes: dict[str, Any] = {
        "optimizer": optimizer,
        "learning_rate": trial.suggest_float(_rate(optimizer), *RATES[optimizer], log=True),
        "batch_size": trial.suggest_int("batch_size", subject.smallest_batch, examples, log=True),
        "activation": trial.suggest_categorical("activation", ACTIVATIONS),
    }
    for name, highest in HIGHEST.items():
        if name in subject.adjustable:
            changes[name] = trial.suggest_float(name, 0.0, highest)
    return replace(usual(subject.name), **changes)


def parameters(settings: Settings, subject: Subject, examples: int) -> dict[str, Any]:
    """The settings as `suggest` would find them: the parameters of a trial."""
    values = asdict(settings)
    return {
        "optimizer": settings.optimizer,
        _rate(settings.optimizer): settings.learning_rate,
        "batch_size": examples if settings.batch_size == FULL_BATCH else settings.batch_size,
        "activation": settings.activation,
        **{name: values[name] for name in HIGHEST if name in subject.adjustable},
    }


def found(values: Mapping[str, Any], subject: Subject) -> Settings:
    """The settings of a trial's parameters."""
    changes = dict(values)
    rate = changes.pop(_rate(changes["optimizer"]))
    return replace(usual(subject.name), learning_rate=rate, **changes)


def _rate(optimizer: str) -> str:
    return f"learning_rate_{optimizer}"
