"""The pictures beside the generator's card."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from training import artifact, plots
from training.card import TrainingRecord
from training.data.images import Images
from training.files import write_atomically
from training.generator.exporting import draw
from training.generator.nearest import Neighbours
from training.generator.network import CLASSES

SHOWN = 10
"""Pictures of a class, ..."""
COMPARED = 20
"""... and pictures beside their nearest training images."""
SEED = 2


def write_pictures(
    folder: Path, record: TrainingRecord, model: Any, made: Images, neighbours: Neighbours
) -> None:
    """Draw the training, some pictures of each class, ways between two, and their neighbours."""
    pictures = {
        "training_curves.png": plots.training_curves(record.history),
        "samples.png": plots.image_rows(samples(model)),
        "interpolations.png": plots.image_rows(interpolations(model)),
        "neighbours.png": plots.image_rows(beside(made.images, neighbours)),
    }
    for name, picture in pictures.items():
        write_atomically(folder / name, picture)


def samples(model: Any) -> Mapping[str, np.ndarray]:
    """A row of pictures of each class."""
    return _rows(model, draw(CLASSES * SHOWN, SEED))


def interpolations(model: Any) -> Mapping[str, np.ndarray]:
    """A row for each class, from one picture to another."""
    ends = draw(2 * CLASSES, SEED)
    return _rows(model, between(ends[:CLASSES], ends[CLASSES:], SHOWN).reshape(-1, ends.shape[1]))


def between(start: np.ndarray, end: np.ndarray, steps: int) -> np.ndarray:
    """Noise on the way from `start` to `end` [n, size], both included: [n, steps, size].

    Along a great circle, so that each is as likely as the ends (Shoemake, "Animating Rotation with
    Quaternion Curves", 1985, section 3.3).
    """
    lengths = np.linalg.norm(start, axis=1) * np.linalg.norm(end, axis=1)
    angle = np.arccos((start * end).sum(axis=1) / lengths)[:, np.newaxis, np.newaxis]
    part = np.linspace(0, 1, steps)[:, np.newaxis]
    weighted = np.sin((1 - part) * angle) * start[:, np.newaxis]
    weighted += np.sin(part * angle) * end[:, np.newaxis]
    way: np.ndarray = weighted / np.sin(angle)
    return way


def _rows(model: Any, noise: np.ndarray) -> Mapping[str, np.ndarray]:
    labels = np.repeat(np.arange(CLASSES, dtype=np.int32), len(noise) // CLASSES)
    made = artifact.call(model, "serving_default", {"label": labels, "noise": noise})["image"]
    return {str(label): made[labels == label] for label in range(CLASSES)}


def beside(made: np.ndarray, neighbours: Neighbours) -> Mapping[str, np.ndarray]:
    """Some pictures, and those that are nearest to a training image, each above that image."""
    nearest = np.argsort(neighbours.distances)[:COMPARED]
    return {
        "made": made[:COMPARED],
        "nearest in training": neighbours.images[:COMPARED],
        "made, most like": made[nearest],
        "a training image": neighbours.images[nearest],
    }
