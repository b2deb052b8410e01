"""Every attack stays where it may, and does what it is for."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tests.training.robustness.conftest import accuracy
from training.data.images import Images
from training.robustness.attacks import BATCH, QUICK, Effort, attacks_on, in_batches
from training.robustness.gradient_attacks import Logits, fgsm, pgd
from training.robustness.network import logits_of
from training.robustness.square_attack import square

EFFORT = Effort(steps=20, starts=2, queries=200)


@pytest.mark.parametrize("epsilon", [0.05, 0.3])
@pytest.mark.parametrize("number", range(3))
def test_no_value_moves_too_far_or_leaves_0_to_1(
    logits: Logits, examples: Images, pictures: np.ndarray, number: int, epsilon: float
) -> None:
    attack = attacks_on(logits, QUICK)[number]
    attacked = attack.run(pictures, examples.labels, epsilon)
    assert attacked.shape == pictures.shape
    assert np.abs(attacked - pictures).max() == pytest.approx(epsilon, abs=1e-6)
    assert 0 <= attacked.min() < attacked.max() <= 1


def test_the_network_knows_the_pictures_and_each_attack_fools_it(
    logits: Logits, examples: Images, pictures: np.ndarray
) -> None:
    assert accuracy(logits, pictures, examples) > 0.95
    for attack in attacks_on(logits, EFFORT):
        attacked = attack.run(pictures, examples.labels, 0.3)
        assert accuracy(logits, attacked, examples) < 0.5, attack.name


def test_many_steps_raise_the_loss_more_than_one(
    logits: Logits, examples: Images, pictures: np.ndarray
) -> None:
    images, labels = tf.constant(pictures), tf.constant(examples.labels)

    def loss(attacked: tf.Tensor) -> float:
        losses = tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits(attacked))
        return float(tf.reduce_mean(losses))

    keras.utils.set_random_seed(0)
    epsilon = tf.constant(0.1)
    many = loss(pgd(logits, images, labels, epsilon, steps=20, step_size=epsilon / 8))
    one = loss(fgsm(logits, images, labels, epsilon))
    assert loss(images) < 0.5 * one
    assert one < many


def test_more_starts_fool_at_least_as_often(
    logits: Logits, examples: Images, pictures: np.ndarray
) -> None:
    keras.utils.set_random_seed(0)
    right = []
    for starts in (1, 3):
        attack = attacks_on(logits, Effort(steps=3, starts=starts))[1]
        attacked = attack.run(pictures, examples.labels, 0.25)
        right.append(accuracy(logits, attacked, examples))
    assert right[1] <= right[0] < 1


def test_the_square_attack_only_asks(examples: Images, pictures: np.ndarray) -> None:
    """The network is a plain function of arrays, which counts: TensorFlow sees nothing of it."""
    asked = []

    def answers(images: np.ndarray) -> np.ndarray:
        """The label is that of the lightest row: what the bars mean."""
        asked.append(len(images))
        rows = images[..., 6:22, 0].mean(axis=2)
        return np.asarray(rows[:, 4:24:2] + rows[:, 5:25:2], np.float32)

    before = answers(pictures).argmax(axis=1) == examples.labels
    attacked = square(answers, pictures, examples.labels, 0.45, queries=300)
    after = answers(attacked).argmax(axis=1) == examples.labels
    assert before.all()
    assert after.mean() < 0.5
    assert max(asked) == len(pictures)
    assert len(asked) <= 300 + 2
    assert asked[-2] < len(pictures)  # a picture that is fooled is left alone


def test_a_seed_repeats_the_square_attack(
    logits: Logits, examples: Images, pictures: np.ndarray
) -> None:
    first, again, other = (
        square(in_batches(logits), pictures, examples.labels, 0.1, queries=5, seed=seed)
        for seed in (1, 1, 2)
    )
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()


def test_logits_are_what_the_softmax_gets(network: keras.Model, pictures: np.ndarray) -> None:
    found = tf.nn.softmax(logits_of(network)(tf.constant(pictures))).numpy()
    wanted = network.predict(pictures, verbose=0)
    np.testing.assert_allclose(found, wanted, rtol=1e-4, atol=1e-6)


def test_a_network_that_is_sure_is_attacked_all_the_same(
    network: keras.Model, examples: Images, pictures: np.ndarray
) -> None:
    """Where float32 says that a probability is 1, it has no slope; the logits have one."""
    sure = keras.models.clone_model(network)
    weights = network.get_weights()
    sure.set_weights([*weights[:-2], *(5 * each for each in weights[-2:])])
    certain = sure.predict(pictures, verbose=0).max(axis=1) == 1
    images, labels = tf.constant(pictures), tf.constant(examples.labels)
    attacked = fgsm(logits_of(sure), images, labels, tf.constant(0.1)).numpy()
    moved = np.abs(attacked - pictures).max(axis=(1, 2, 3)) > 0.09
    assert certain.mean() > 0.5
    assert moved[certain].all()


def test_batches_are_put_together_again() -> None:
    numbers = np.arange(2.5 * BATCH, dtype=np.float32)
    np.testing.assert_array_equal(in_batches(lambda each: 2 * each)(numbers), 2 * numbers)
