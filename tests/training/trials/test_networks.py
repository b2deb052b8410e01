import keras
import numpy as np
import pytest

from training.image_classifier.networks import clothes_cnn, reference_cnn, residual_cnn
from training.trials.networks import with_activation, with_dropout


def activations(network: keras.Model) -> list[str]:
    """The names of the activations that the hidden layers apply."""
    names = [
        layer.activation.__name__ for layer in network.layers[:-1] if hasattr(layer, "activation")
    ]
    names += ["relu" for layer in network.layers if isinstance(layer, keras.layers.ReLU)]
    return [name for name in names if name != "linear"]


@pytest.mark.parametrize("build", [reference_cnn, clothes_cnn, residual_cnn])
def test_every_hidden_layer_gets_the_activation_and_the_last_one_stays(build: object) -> None:
    network = build()  # type: ignore[operator]
    before = activations(network)
    changed = with_activation(network, "tanh")
    assert set(before) == {"relu"}
    assert activations(changed) == ["tanh"] * len(before)
    assert changed.layers[-1].activation is network.layers[-1].activation
    assert changed.count_params() == network.count_params()


def test_dropout_acts_in_training_only() -> None:
    network = with_dropout(reference_cnn(), 0.5)
    picture = np.random.default_rng(0).random((1, 28, 28, 1)).astype(np.float32)
    calm = [network(picture, training=False).numpy() for _ in range(2)]
    restless = [network(picture, training=True).numpy() for _ in range(2)]
    np.testing.assert_array_equal(*calm)
    assert not np.allclose(*restless)
