"""How good an exported generator is."""

from pathlib import Path

from training import plots
from training.card import Card, NoisePreprocessing, TrainingRecord, make_card
from training.data import mnist
from training.files import write_atomically
from training.generator.network import CLASSES, NOISE


def evaluate(folder: Path) -> Card:
    """Write the card and the pictures of the exported generator.

    Raises:
        TrainingError: there is no model, or there are no data.
    """
    record = TrainingRecord.read(folder)
    data = mnist.load(quick=record.quick)
    write_atomically(folder / "training_curves.png", plots.training_curves(record.history))
    card = make_card(
        folder,
        task="image_generation",
        description="Makes a picture of a handwritten digit that nobody wrote, from a label and "
        "noise.",
        labels=[str(label) for label in range(CLASSES)],
        preprocessing=NoisePreprocessing(NOISE),
        training_data=[data.described()],
        metrics=[],
    )
    card.write(folder)
    return card
