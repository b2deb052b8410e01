"""The rows of the tables: each is one change against a plain training."""

from dataclasses import dataclass, replace

from training.trials.settings import Length, Settings

LENGTH = Length(examples=1_000, seen=24_000)
QUICK_LENGTH = Length(examples=200, seen=400)

PLAIN = Settings(learning_rate=2e-3)
REGULAR = replace(PLAIN, schedule=True, averaging=True, dropout=0.3, augmentation=1.0)
SINGLE = replace(PLAIN, batch_size=1, learning_rate=2.5e-4)
FULL = replace(PLAIN, batch_size=0, learning_rate=8e-3)
"""Adam's rate goes with the square root of the batch size (Malladi et al., 2022)."""


@dataclass(frozen=True)
class Change:
    """A training that differs from the plain one."""

    description: str
    settings: Settings = PLAIN
    times_the_examples: float = 1
    times_the_training: float = 1
    """How many times as many examples it sees in all."""
    as_long_as_plain: bool = False
    """Whether it trains for as many seconds as the plain training instead."""


BASE = Change("none: Adam, batches of 64, ReLU")

QUALITY = [
    BASE,
    Change("half of the training examples", times_the_examples=0.5),
    Change("twice the training examples", times_the_examples=2),
    Change("four times the training examples", times_the_examples=4),
    Change("trained twice as long", times_the_training=2),
    Change("augmentation (mirrored, moved)", replace(PLAIN, augmentation=1.0)),
    Change(
        "augmentation, trained twice as long",
        replace(PLAIN, augmentation=1.0),
        times_the_training=2,
    ),
    Change("trained six times as long", times_the_training=6),
    Change(
        "augmentation, trained six times as long",
        replace(PLAIN, augmentation=1.0),
        times_the_training=6,
    ),
    Change("rate rises, then falls (schedule)", replace(PLAIN, schedule=True)),
    Change("weights averaged", replace(PLAIN, averaging=True)),
    Change("dropout of 30%", replace(PLAIN, dropout=0.3)),
    Change("weight decay of 0.1", replace(PLAIN, weight_decay=0.1)),
    Change("label smoothing of 0.1", replace(PLAIN, label_smoothing=0.1)),
    Change("tanh in place of ReLU", replace(PLAIN, activation="tanh")),
    Change("sigmoid in place of ReLU", replace(PLAIN, activation="sigmoid")),
    Change(
        "gradient descent at 50 times the rate in place of Adam",
        replace(PLAIN, optimizer="sgd", learning_rate=0.1),
    ),
    Change(
        "schedule, averaging, dropout, augmentation, six times as long",
        REGULAR,
        times_the_training=6,
    ),
]
"""At the same number of examples seen, if the description doesn't say otherwise."""

DESCENT = [
    BASE,
    Change("single examples, as many examples seen", SINGLE),
    Change("full batch, as many examples seen", FULL),
    Change("single examples, for the same time", SINGLE, as_long_as_plain=True),
    Change("full batch, for the same time", FULL, as_long_as_plain=True),
]

TABLES = {"quality": QUALITY, "descent": DESCENT}
