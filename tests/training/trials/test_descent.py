import keras
import numpy as np
import pytest
import tensorflow as tf

from training.recipes import FULL_BATCH
from training.trials.descent import Descent
from training.trials.settings import Length, Settings


@pytest.mark.parametrize("batch_size", [1, 7, 64, 500, FULL_BATCH])
def test_every_batch_size_sees_as_many_examples(batch_size: int) -> None:
    descent = Descent(Settings(batch_size=batch_size), Length(examples=3000, seen=12_000))
    seen = descent.reports * descent.steps_per_report * descent.batches.size
    assert seen == pytest.approx(12_000, rel=0.03)
    assert descent.reports > 1


def test_a_trial_may_be_ended_by_its_reports() -> None:
    """It tells how far it has come, but not at the end."""
    told = trained(Settings(batch_size=8), stop_at=None)
    assert told == [1, 2, 3]
    assert trained(Settings(batch_size=8), stop_at=2) == [1, 2]


@pytest.mark.parametrize("averaging", [False, True])
@pytest.mark.parametrize("schedule", [False, True])
def test_schedule_and_average_can_be_chosen(schedule: bool, averaging: bool) -> None:
    settings = Settings(schedule=schedule, averaging=averaging, weight_decay=0.1)
    optimizer = Descent(settings, Length(examples=640, seen=64_000)).optimizer
    optimizer.build([keras.Variable([1.0])])
    for _ in range(1000):
        optimizer.iterations.assign_add(1)
    assert (float(optimizer.learning_rate) < 1e-6) == schedule
    assert optimizer.use_ema == averaging
    assert optimizer.weight_decay == 0.1


class StoppedError(Exception):
    """A report's."""


def trained(settings: Settings, stop_at: int | None) -> list[int]:
    """Train a small model; the numbers of the reports."""
    told: list[int] = []

    def report(number: int, figures: dict[str, float]) -> None:
        assert "val_loss" in figures
        told.append(number)
        if number == stop_at:
            raise StoppedError

    inputs = np.random.default_rng(0).normal(size=(64, 2)).astype(np.float32)
    data = tf.data.Dataset.from_tensor_slices((inputs, inputs[:, :1])).batch(8)
    descent = Descent(settings, Length(examples=64, seen=256))
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    model.compile(descent.optimizer, "mse", **descent.compiling)
    try:
        figures = descent.fit(model, data, data, report)
    except StoppedError:
        return told
    assert np.isfinite(figures["val_loss"])
    return told
