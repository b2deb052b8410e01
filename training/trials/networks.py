"""Networks with another activation, or with dropout."""

import keras

from training.trials.settings import Activation


def with_activation(network: keras.Model, activation: Activation) -> keras.Model:
    """A new network with `activation` wherever `network` has a ReLU.

    Layers without weights are shared with `network`.
    """

    def changed(layer: keras.layers.Layer) -> keras.layers.Layer:
        if isinstance(layer, keras.layers.ReLU):
            return keras.layers.Activation(activation, name=layer.name)
        if not layer.weights:
            return layer
        config = layer.get_config()
        if getattr(layer, "activation", None) is keras.activations.relu:
            config["activation"] = activation
        return type(layer).from_config(config)

    return keras.models.clone_model(network, clone_function=changed)


def with_dropout(network: keras.Model, share: float) -> keras.Model:
    """The network with dropout before its last layer; the weights are shared."""
    last = network.layers[-1]
    return keras.Model(network.inputs[0], last(keras.layers.Dropout(share)(last.input)))
