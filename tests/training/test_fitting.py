import keras
import numpy as np
import pytest
import tensorflow as tf

from training import fitting
from training.recipes import FULL_BATCH, Recipe


def recipe(batch_size: int, epochs: int = 1, **changes: object) -> Recipe:
    return Recipe(epochs=epochs, batch_size=batch_size, learning_rate=0.1, **changes)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("batch_size", "expected"),
    [
        (1, fitting.Batching(size=1, parts=1, updates=50_000)),
        (128, fitting.Batching(size=128, parts=1, updates=390)),
        (FULL_BATCH, fitting.Batching(size=1000, parts=50, updates=1)),
        (2500, fitting.Batching(size=833, parts=3, updates=20)),
        (10**9, fitting.Batching(size=1000, parts=50, updates=1)),
    ],
)
def test_every_batch_size_can_be_carried_out(batch_size: int, expected: fitting.Batching) -> None:
    assert fitting.batching(recipe(batch_size), 50_000) == expected


def linear_model() -> keras.Model:
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1, use_bias=False)])
    model.set_weights([np.array([[0.5], [-0.5]])])
    return model


def test_full_batch_descent_in_parts_is_full_batch_descent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fitting, "AT_ONCE", 4)
    random = np.random.default_rng(0)
    inputs, targets = random.normal(size=(12, 2)), random.normal(size=(12, 1))
    full = recipe(FULL_BATCH, optimizer="sgd")
    batches = fitting.batching(full, 12)
    assert (batches.size, batches.parts, batches.updates) == (4, 3, 1)
    rate = 0.05
    descent = keras.optimizers.SGD(rate, gradient_accumulation_steps=batches.parts)
    model = linear_model()
    model.compile(descent, "mse", jit_compile=False)
    fitting.fit(
        model, tf.data.Dataset.from_tensor_slices((inputs, targets)).batch(4), full, batches
    )
    start = np.array([[0.5], [-0.5]])
    gradient = 2 / 12 * inputs.T @ (inputs @ start - targets)
    np.testing.assert_allclose(model.get_weights()[0], start - rate * gradient, rtol=1e-4)


@pytest.mark.parametrize("kind", ["adam", "sgd"])
@pytest.mark.parametrize("batch_size", [1, 8, FULL_BATCH])
def test_every_optimizer_learns_with_every_batch_size(kind: str, batch_size: int) -> None:
    random = np.random.default_rng(0)
    inputs = random.normal(size=(64, 2)).astype(np.float32)
    data = tf.data.Dataset.from_tensor_slices((inputs, inputs @ np.array([[1.0], [2.0]])))
    chosen = recipe(batch_size, epochs=30, optimizer=kind)
    batches = fitting.batching(chosen, len(inputs))
    model = linear_model()
    model.compile(fitting.optimizer(chosen, batches), "mse", jit_compile=False)
    history = fitting.fit(model, data.batch(batches.size), chosen, batches)
    assert len(history["loss"]) == 30
    assert history["loss"][-1] < 0.5 * history["loss"][0]


def test_the_rate_rises_then_falls_to_nothing() -> None:
    chosen = recipe(1, epochs=10)
    rate = fitting.optimizer(chosen, fitting.Batching(1, 1, 100))._learning_rate
    rates = [float(rate(step)) for step in (0, 50, 500, 1000)]
    assert rates[0] < rates[1] == pytest.approx(0.1)
    assert rates[2] < rates[1]
    assert rates[3] == pytest.approx(0, abs=1e-6)


def test_the_average_of_the_weights_is_what_remains() -> None:
    """With a rate that makes the weights oscillate, the average is in between."""
    inputs = np.ones((1, 2), np.float32)
    data = tf.data.Dataset.from_tensor_slices((inputs, np.zeros((1, 1)))).batch(1)
    model = linear_model()
    model.compile(
        keras.optimizers.SGD(0.49, use_ema=True, ema_momentum=0.5), "mse", jit_compile=False
    )
    seen: list[np.ndarray] = []
    note = keras.callbacks.LambdaCallback(
        on_train_batch_end=lambda batch, logs: seen.append(model.get_weights()[0])
    )
    model.set_weights([np.array([[1.0], [1.0]])])
    fitting.fit(model, data, recipe(1, epochs=6), fitting.Batching(1, 1, 1), callbacks=[note])
    assert abs(model.get_weights()[0][0, 0]) < abs(seen[-1][0, 0])
