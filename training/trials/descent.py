"""The descent of a trial: a given number of examples, whatever the batch size."""

from collections.abc import Callable

import keras
import tensorflow as tf

from training.fitting import (
    OPTIMIZERS,
    Batching,
    accumulation,
    averaging_momentum,
    batching,
    schedule,
)
from training.trials.settings import Length, Settings

REPORTS = 4
"""A trial tells so many times how far it has come."""

MANY_UPDATES = 100
"""With as many, it doesn't matter if their number isn't divisible by that of the reports."""

SMALL_BATCH = 8
"""Smaller ones take half the time when they are compiled; others take longer."""

STEPS_PER_CALL = 50

Report = Callable[[int, dict[str, float]], None]
"""Is told the number of the report, from 1, and Keras's figures so far; it isn't told the end."""


class Descent:
    """The steps of a trial, which all models have in common."""

    def __init__(self, settings: Settings, length: Length) -> None:
        self.settings = settings
        self.batches: Batching = batching(settings.recipe, length.examples)
        self.updates = max(1, length.seen // (self.batches.size * self.batches.parts))

    @property
    def optimizer(self) -> keras.optimizers.Optimizer:
        """The optimizer of the settings."""
        settings, steps = self.settings, self.updates * self.batches.parts
        rate = settings.learning_rate
        averaging = {"use_ema": True, "ema_momentum": averaging_momentum(steps)}
        return OPTIMIZERS[settings.optimizer](
            schedule(rate, steps) if settings.schedule else rate,
            weight_decay=settings.weight_decay or None,
            gradient_accumulation_steps=accumulation(self.batches),
            **(averaging if settings.averaging else {}),
        )

    @property
    def reports(self) -> int:
        """How many reports there are: fewer than `REPORTS` if there are few updates."""
        return next(
            count
            for count in range(REPORTS, 0, -1)
            if self.updates % count == 0 or self.updates >= MANY_UPDATES
        )

    @property
    def steps_per_report(self) -> int:
        """Batches from one report to the next."""
        return self.updates // self.reports * self.batches.parts

    @property
    def compiling(self) -> dict[str, int | bool]:
        """Options of Keras's `compile` that make small steps cheaper."""
        return {
            "steps_per_execution": min(STEPS_PER_CALL, self.steps_per_report),
            "jit_compile": self.batches.size < SMALL_BATCH,
        }

    def fit(
        self,
        model: keras.Model,
        data: tf.data.Dataset,
        validation: tf.data.Dataset | None,
        report: Report,
    ) -> dict[str, float]:
        """Train a model that was compiled with `optimizer`; Keras's figures at the end.

        Args:
            model: compiled.
            data: endless or not, in batches of `batches.size`.
            validation: its figures have names that begin with "val_".
            report: may raise an exception, which ends the training.
        """
        averaging = [keras.callbacks.SwapEMAWeights()] if self.settings.averaging else []

        def tell(epoch: int, figures: dict[str, float]) -> None:
            if epoch + 1 < self.reports:
                report(epoch + 1, figures)

        history = model.fit(
            data.repeat().prefetch(4),
            epochs=self.reports,
            steps_per_epoch=self.steps_per_report,
            validation_data=validation,
            shuffle=False,
            verbose=0,
            callbacks=[*averaging, keras.callbacks.LambdaCallback(on_epoch_end=tell)],
        )
        return {name: float(curve[-1]) for name, curve in history.history.items()}
