"""Training on attacked pictures makes a network that stands more of them."""

from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from tests.training.conftest import bars
from tests.training.robustness.conftest import accuracy, small_network
from training.data.images import Images
from training.image_classifier.learning import pixels
from training.robustness.adversarial_training import AdversarialTraining
from training.robustness.attacks import Effort, attacks_on
from training.robustness.gradient_attacks import Logits
from training.robustness.network import logits_of

EPSILON = 0.2


def right_under_attack(logits: Logits, examples: Images) -> float:
    pgd = attacks_on(logits, Effort(steps=10, starts=1))[1]
    attacked = pgd.run(pixels(examples.images), examples.labels, EPSILON)
    return accuracy(logits, attacked, examples)


def test_it_stands_more_than_a_network_trained_plainly(logits: Logits, examples: Images) -> None:
    keras.utils.set_random_seed(0)
    network = small_network()
    learner = AdversarialTraining(network, EPSILON)
    learner.compile(keras.optimizers.Adam(3e-3), "sparse_categorical_crossentropy")
    train = bars(600, seed=1)
    learner.fit(pixels(train.images), train.labels, 32, epochs=5, verbose=0)
    robust = logits_of(network)
    assert accuracy(robust, pixels(examples.images), examples) > 0.9
    assert right_under_attack(robust, examples) > right_under_attack(logits, examples) + 0.1


def test_the_network_gets_attacked_pictures_only(monkeypatch: pytest.MonkeyPatch) -> None:
    network = small_network()
    learner = AdversarialTraining(network, EPSILON)
    learner.compile(keras.optimizers.SGD(0.0), "sparse_categorical_crossentropy", run_eagerly=True)
    seen: list[np.ndarray] = []
    call = network.call

    def noted(images: tf.Tensor, **options: Any) -> tf.Tensor:
        seen.append(images.numpy())
        return call(images, **options)

    monkeypatch.setattr(network, "call", noted)
    pictures = np.full((4, 28, 28, 1), 0.5, np.float32)
    learner.fit(pictures, np.arange(4), 4, verbose=0)
    (attacked,) = seen
    assert EPSILON / 2 < np.abs(attacked - pictures).max() <= EPSILON + 1e-6
