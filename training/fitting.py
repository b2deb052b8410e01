"""Gradient descent for all models here: batches, schedule, weight averaging, progress."""

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass

import keras
import tensorflow as tf
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from training.recipes import FULL_BATCH, Recipe

OPTIMIZERS = {"adam": keras.optimizers.Adam, "sgd": keras.optimizers.SGD}

AT_ONCE = 1000
"""Larger batches are computed in parts of at most this size, which limits the memory."""

WARM_UP = 0.05
"""Share of the steps in which the learning rate rises."""

AVERAGED = 0.05
"""Share of the steps over whose weights the average reaches, ..."""

LONGEST_AVERAGE = 1000
"""... and the number of steps beyond which it never reaches."""


@dataclass(frozen=True)
class Batching:
    """How a batch size is computed.

    Gradients of `parts` batches of `size` examples each are averaged into one update. A remainder
    that is too small for an update is left out of the epoch; shuffling changes it each time.
    """

    size: int
    parts: int
    updates: int

    @property
    def batches(self) -> int:
        """How many batches an epoch has."""
        return self.updates * self.parts


def described(recipe: Recipe) -> dict[str, str | int | float | bool]:
    """The recipe, and the schedule of `optimizer`, as hyperparameters for the card."""
    return {
        **asdict(recipe),
        "schedule": f"warm-up over {WARM_UP:.0%} of the steps, then half a cosine down to 0",
        "weight_averaging": f"exponential, over {AVERAGED:.0%} of the steps, "
        f"{LONGEST_AVERAGE} at most",
    }


def batching(recipe: Recipe, examples: int) -> Batching:
    """How the recipe's batch size is computed for this many examples."""
    wanted = examples if recipe.batch_size == FULL_BATCH else min(recipe.batch_size, examples)
    parts = math.ceil(wanted / AT_ONCE)
    size = wanted // parts
    return Batching(size, parts, updates=examples // (size * parts))


def optimizer(recipe: Recipe, batches: Batching) -> keras.optimizers.Optimizer:
    """Adam or plain gradient descent (no momentum), with `schedule` and averaged weights.

    An exponential moving average of the weights replaces them at the end (Polyak and Juditsky,
    1992), and during validation with `keras.callbacks.SwapEMAWeights`.
    """
    steps = recipe.epochs * batches.batches
    return OPTIMIZERS[recipe.optimizer](
        schedule(recipe.learning_rate, steps),
        use_ema=True,
        ema_momentum=averaging_momentum(steps),
        gradient_accumulation_steps=accumulation(batches),
    )


def schedule(highest: float, steps: int) -> keras.optimizers.schedules.LearningRateSchedule:
    """The learning rate rises to `highest` (warm-up), then falls to 0 along half a cosine.

    Loshchilov and Hutter, "SGDR: Stochastic Gradient Descent with Warm Restarts", 2017.
    """
    warm_up = math.ceil(steps * WARM_UP)
    return keras.optimizers.schedules.CosineDecay(
        initial_learning_rate=highest / 10,
        warmup_target=highest,
        warmup_steps=warm_up,
        decay_steps=max(1, steps - warm_up),
    )


def averaging_momentum(steps: int) -> float:
    """The momentum of the weights' average in a training of so many steps."""
    return 1 - 1 / max(1.0, min(LONGEST_AVERAGE, steps * AVERAGED))


def accumulation(batches: Batching) -> int | None:
    """Keras's `gradient_accumulation_steps`."""
    return batches.parts if batches.parts > 1 else None


def fit(
    model: keras.Model,
    data: tf.data.Dataset,
    recipe: Recipe,
    batches: Batching,
    validation: tf.data.Dataset | None = None,
    callbacks: Sequence[keras.callbacks.Callback] = (),
) -> dict[str, list[float]]:
    """Train a compiled model and show the progress; its history, one entry per epoch.

    Args:
        model: compiled with `optimizer` of the same recipe.
        data: endless or one epoch long, in batches of `batches.size`.
        recipe: for its number of epochs.
        batches: for the number of batches in an epoch.
        validation: batches on which each epoch's averaged weights are measured.
        callbacks: more of Keras's.
    """
    averaging = [keras.callbacks.SwapEMAWeights()] if model.optimizer.use_ema else []
    with progress() as bar:
        history = model.fit(
            data.repeat(),
            epochs=recipe.epochs,
            steps_per_epoch=batches.batches,
            validation_data=validation,
            shuffle=False,
            verbose=0,
            callbacks=[*averaging, *callbacks, _ProgressBar(bar, recipe.epochs, batches.batches)],
        )
    return {name: [float(value) for value in curve] for name, curve in history.history.items()}


def progress() -> Progress:
    """A bar for the steps of a training."""
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=Console(stderr=True),
    )


class _ProgressBar(keras.callbacks.Callback):  # type: ignore[misc]
    """A bar that moves with the batches, and a line of figures for each epoch."""

    def __init__(self, bar: Progress, epochs: int, batches: int) -> None:
        super().__init__()
        self.bar = bar
        self.epochs = epochs
        self.task = bar.add_task("training", total=epochs * batches)

    def on_train_batch_end(self, batch: int, logs: object = None) -> None:
        self.bar.advance(self.task)

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        figures = "  ".join(f"{name} {value:.4f}" for name, value in (logs or {}).items())
        self.bar.console.print(f"epoch {epoch + 1}/{self.epochs}  {figures}", soft_wrap=True)
