"""Trials of the embedding's autoencoder."""

from collections.abc import Sequence
from typing import Literal

import keras

from training.data.images import ImageDataset
from training.embedding.learning import compile_pair, connected, pairs
from training.embedding.model import build_decoder, build_encoder
from training.trials.descent import Descent
from training.trials.networks import with_activation
from training.trials.settings import Length, Settings
from training.trials.subject import Told

MEASURE = "val_loss"

MEASURED_AT_ONCE = 100
"""Pictures in a batch of validation or test: the loss of a code depends on the others in it."""

VALIDATION_SHARE = 0.5
"""Validation pictures for each training picture."""


class AutoencoderTrials:
    """Trains the autoencoder with other settings; see `Subject`."""

    name = "embedding"
    measure = "loss"
    direction: Literal["maximize", "minimize"] = "minimize"
    adjustable: Sequence[str] = (
        "optimizer",
        "learning_rate",
        "batch_size",
        "activation",
        "weight_decay",
    )
    smallest_batch = 4
    """The loss of the codes compares a picture with the others of its batch."""

    def __init__(self, data: ImageDataset) -> None:
        self.data = data

    def train(
        self, settings: Settings, length: Length, seed: int, tell: Told
    ) -> tuple[keras.Model, float]:
        """See `Subject`."""
        keras.utils.set_random_seed(seed)
        halves = (
            with_activation(half, settings.activation)
            for half in (build_encoder(), build_decoder())
        )
        model = connected(*halves)
        descent = Descent(settings, length)
        compile_pair(model, descent.optimizer, **descent.compiling)
        train = pairs(self.data.train[: length.examples], descent.batches.size, seed)
        validation = self.data.validation[: round(length.examples * VALIDATION_SHARE)]
        figures = descent.fit(
            model,
            train,
            pairs(validation, MEASURED_AT_ONCE, seed=0),
            lambda number, figures: tell(number, figures[MEASURE]),
        )
        return model, figures[MEASURE]

    def test(self, model: keras.Model) -> float:
        """See `Subject`."""
        figures = model.evaluate(
            pairs(self.data.test, MEASURED_AT_ONCE, seed=0), return_dict=True, verbose=0
        )
        return float(figures["loss"])
