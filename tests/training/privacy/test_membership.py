"""Attacks that find members where a model tells about them, and nobody where it doesn't."""

from collections.abc import Callable

import keras
import numpy as np
import pytest

from tests.training.conftest import bars
from training.data.images import Images
from training.image_classifier import privacy
from training.image_classifier.learning import pixels
from training.image_classifier.networks import reference_cnn
from training.privacy import membership
from training.privacy.membership import Leak, confidences, leak, likelihood_ratio_scores


def test_a_leak_is_measured_at_the_best_threshold_and_at_few_false_positives() -> None:
    others = np.arange(1000.0)
    assert leak(others + 2000, others) == Leak(1.0, 1.0)
    half = np.concatenate([others[:500], np.full(500, 5000.0)])
    assert leak(half, others).true_positives == 0.5
    assert leak(np.full(1000, 1.0), np.full(1000, 1.0)) == Leak(0.0, 0.0)


def test_chance_is_what_scores_without_any_knowledge_reach() -> None:
    random = np.random.default_rng(0)
    found = [leak(random.random(500), random.random(200)).advantage for _ in range(200)]
    assert membership.chance_advantage(500, 200) == pytest.approx(np.mean(found), rel=0.12)


def test_confidences_are_log_odds_that_stay_finite() -> None:
    probabilities = np.array([[0.8, 0.15, 0.05], [1.0, 0.0, 0.0], [1.0, 0.0, 0.0]], np.float32)
    found = confidences(probabilities, np.array([0, 0, 1]))
    assert found[0] == pytest.approx(np.log(4), rel=1e-5)
    assert np.isfinite(found).all()
    assert found[1] > 50 > -50 > found[2]


def made_up(gap: float, models: int = 8, examples: int = 20_000) -> tuple[np.ndarray, np.ndarray]:
    """Confidences that are higher by `gap` for members; how hard an example is differs more."""
    random = np.random.default_rng(0)
    trained = random.random((models, examples)) < 0.5
    hardness = random.normal(0, 5, examples)
    return hardness + gap * trained + random.normal(0, 1, trained.shape), trained


def test_the_likelihood_ratio_finds_what_the_loss_alone_does_not() -> None:
    found, trained = made_up(gap=2.0)
    by_ratio = np.mean([each.advantage for each in privacy.attack_each(found, trained)])
    by_loss = leak(found[0][trained[0]], found[0][~trained[0]]).advantage
    assert by_ratio > 0.5
    assert by_loss < 0.25


def test_the_likelihood_ratio_finds_nobody_where_nothing_is() -> None:
    found, trained = made_up(gap=0.0)
    leaks = privacy.attack_each(found, trained)
    chance = membership.chance_advantage(10_000, 10_000)
    assert np.mean([each.advantage for each in leaks]) < 2.5 * chance
    assert np.mean([each.true_positives for each in leaks]) < 0.003


def test_an_example_that_no_shadow_was_trained_on_gets_no_score() -> None:
    trained = np.array([[True, False], [True, False], [False, False]])
    shadows = np.array([[3.0, 1.0], [3.5, 1.0], [1.0, 1.2]])
    scores = likelihood_ratio_scores(np.array([3.0, 9.0]), shadows, trained)
    assert scores[0] > 0
    assert scores[1] == 0


@pytest.fixture(scope="module")
def memorizing() -> tuple[keras.Model, Images, Images]:
    """A model that knows 60 pictures with random labels by heart, and as many others."""
    random = np.random.default_rng(0)
    images = random.integers(0, 256, (120, 28, 28, 1), dtype=np.uint8)
    every = Images(images, random.integers(0, 10, 120))
    keras.utils.set_random_seed(0)
    model = reference_cnn()
    model.compile("adam", "sparse_categorical_crossentropy", jit_compile=False)
    model.fit(pixels(every.images[:60]), every.labels[:60], epochs=40, verbose=0)
    return model, every[:60], every[60:]


def test_members_of_a_model_that_memorizes_are_found(
    memorizing: tuple[keras.Model, Images, Images],
) -> None:
    model, members, others = memorizing
    found = leak(loss_of(model)(members), loss_of(model)(others))
    assert found.advantage > 0.7
    assert found.true_positives > 0.5


def test_nobody_is_found_by_a_model_that_saw_neither(
    memorizing: tuple[keras.Model, Images, Images],
) -> None:
    model, _, _ = memorizing
    strangers = bars(4000, seed=5)
    found = leak(loss_of(model)(strangers[:2000]), loss_of(model)(strangers[2000:]))
    assert found.advantage < 3 * membership.chance_advantage(2000, 2000)
    assert found.true_positives < 0.01


def loss_of(model: keras.Model) -> Callable[[Images], np.ndarray]:
    def scores(images: Images) -> np.ndarray:
        probabilities = model.predict(pixels(images.images), batch_size=500, verbose=0)
        return membership.loss_scores(probabilities, images.labels)

    return scores
