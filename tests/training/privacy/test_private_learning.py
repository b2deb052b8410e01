"""Training by noisy gradients, on pictures of bars."""

from dataclasses import replace
from pathlib import Path

import keras
import numpy as np
import pytest

from tests.training.conftest import bars
from training import cifar
from training.data.images import ImageDataset, Images
from training.errors import TrainingError
from training.privacy import learning
from training.privacy.accounting import Mechanism
from training.privacy.learning import CLIP_NORM, NoisyGradients
from training.recipes import FULL_BATCH, Recipe

RECIPE = Recipe(epochs=6, batch_size=60, learning_rate=5e-3, private=8.0)


def small_model() -> keras.Sequential:
    """Quicker than `private_cnn`, with the same weights each time."""
    layers = [keras.layers.Flatten(), keras.layers.Dense(10, "softmax", kernel_initializer="zeros")]
    return keras.Sequential([keras.Input((28, 28, 1)), *layers])


def noisy_gradients(mechanism: Mechanism) -> NoisyGradients:
    return NoisyGradients(small_model(), bars(200, seed=1), mechanism, np.random.default_rng(0))


def test_the_noise_is_as_large_as_planned() -> None:
    """No example is sampled, so there is nothing but noise."""
    mechanism = Mechanism(sampling_rate=1e-9, steps=1, noise_multiplier=3.0)
    drawn = noisy_gradients(mechanism).draw()
    noise = np.concatenate([each.ravel() for each in drawn]) * mechanism.sampling_rate * 200
    assert noise.std() == pytest.approx(3.0 * CLIP_NORM, rel=0.03)
    assert abs(noise.mean()) < 0.1


def test_every_draw_has_its_own_sample_of_any_size(monkeypatch: pytest.MonkeyPatch) -> None:
    """Poisson sampling: sizes are binomial, and no example waits until all others had a turn."""
    sizes: list[int] = []
    noisy = noisy_gradients(Mechanism(sampling_rate=0.1, steps=1, noise_multiplier=1.0))

    def note(sample: Images) -> list[np.ndarray]:
        sizes.append(len(sample))
        return [np.zeros(shape) for shape in noisy._shapes]

    monkeypatch.setattr(noisy, "_sum", note)
    for _ in range(300):
        noisy.draw()
    assert np.mean(sizes) == pytest.approx(20, abs=1)
    assert np.var(sizes) == pytest.approx(18, abs=6)


def test_a_sample_is_summed_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    everything = Mechanism(sampling_rate=1.0, steps=1, noise_multiplier=1e-9)
    noisy = noisy_gradients(everything)
    whole = noisy.draw()
    monkeypatch.setattr(learning, "AT_ONCE", 70)
    for each, expected in zip(noisy.draw(), whole, strict=True):
        np.testing.assert_allclose(each, expected, rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize(
    ("batch_size", "rate", "updates"), [(60, 0.1, 10), (FULL_BATCH, 1.0, 1), (10**6, 1.0, 1)]
)
def test_the_batch_size_is_the_mean_size_of_samples(
    batch_size: int, rate: float, updates: int
) -> None:
    planned = learning.plan(replace(RECIPE, batch_size=batch_size), 600)
    assert planned.sampling_rate == rate
    assert planned.steps == RECIPE.epochs * updates


def test_samples_and_noise_are_secret_whatever_the_seed(small_mnist: ImageDataset) -> None:
    found = []
    for _ in range(2):
        model = small_model()
        learning.train(model, small_mnist, replace(RECIPE, epochs=1, seed=3))
        found.append(model.get_weights()[0])
    assert np.abs(found[0] - found[1]).max() > 1e-4


def test_a_classifier_without_a_private_network_is_refused(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="no network for private training"):
        cifar.train(RECIPE, tmp_path / "cifar" / "1")
