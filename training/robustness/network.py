"""An exported network, built again so that gradients flow through it."""

from collections.abc import Callable
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from training import artifact, export
from training.errors import ArtifactError
from training.robustness.gradient_attacks import Logits


def logits_of(network: keras.Model) -> Logits:
    """What the softmax of the network's last, dense layer gets; the weights are the network's.

    Attacks need them: where a float32 softmax says 1, its gradient is 0.
    """
    last = network.layers[-1]
    features = keras.Model(network.inputs, last.input)

    def logits(images: tf.Tensor) -> tf.Tensor:
        return tf.matmul(features(images, training=False), last.kernel) + last.bias

    return logits


def rebuilt(build: Callable[[], keras.Model], folder: Path, samples: np.ndarray) -> keras.Model:
    """The network that was exported to `folder`, with its weights.

    Args:
        build: makes the network, which takes pixels in 0..1.
        folder: the SavedModel, which takes uint8.
        samples: uint8 [n, height, width, channels], to which both must answer the same.

    Raises:
        ArtifactError: there is no SavedModel, or it was made from another network.
    """
    loaded, network = artifact.load(folder), build()
    weights = [variable.numpy() for variable in loaded.kept]
    if [weight.shape for weight in weights] != [weight.shape for weight in network.weights]:
        raise ArtifactError(f"{folder} has the weights of another network: train it again.")
    network.set_weights(weights)
    found = network.predict(samples.astype(np.float32) / 255, verbose=0)
    wanted = artifact.call(loaded, "serving_default", {"image": samples})["probabilities"]
    if not export.is_close(found, wanted):
        raise ArtifactError(f"{folder} answers otherwise than its network: train it again.")
    return network
