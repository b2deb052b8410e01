"""How good an exported generator is, compared with real digits and with Gaussians.

The made pictures have the labels of as many training images, so that these two sets differ in
nothing but the pictures.
"""

from pathlib import Path

import numpy as np

from training import artifact, studies
from training.card import Baseline, Card, Metric, NoisePreprocessing, TrainingRecord, make_card
from training.data import mnist
from training.data.images import ImageDataset, Images
from training.generator import measures
from training.generator.exporting import draw
from training.generator.gaussians import COMPONENTS, Gaussians
from training.generator.judges import CLASSIFIER, EMBEDDING, Judges
from training.generator.nearest import Neighbours, find_neighbours
from training.generator.network import CLASSES, NOISE
from training.generator.pictures import write_pictures

COUNT = 10_000
"""So many pictures are made and measured."""
SEED = 1
"""Of their noise."""


def evaluate(folder: Path) -> Card:
    """Measure the exported generator against MNIST's test images; write its card and pictures.

    Raises:
        TrainingError: there is no model, no judge, or there are no data.
    """
    record = TrainingRecord.read(folder)
    data, judges, model = mnist.load(quick=record.quick), Judges(), artifact.load(folder)
    labels = data.train.labels[:COUNT]
    inputs = {"label": labels.astype(np.int32), "noise": draw(len(labels), SEED)}
    made = Images(artifact.call(model, "serving_default", inputs)["image"], labels)
    neighbours = find_neighbours(made.images, data)
    write_pictures(folder, record, model, made, neighbours)
    card = make_card(
        folder,
        task="image_generation",
        description="Makes a picture of a handwritten digit that nobody wrote, from a label and "
        "noise.",
        labels=[str(label) for label in range(CLASSES)],
        preprocessing=NoisePreprocessing(NOISE),
        training_data=[data.described()],
        metrics=[*_compared(made, data, judges), _copies(neighbours), *studies.read(folder)],
    )
    card.write(folder)
    return card


def measure(images: Images, test: Images, judges: Judges) -> dict[str, float]:
    """The figures of a set of pictures, made or real, against the test images, by name."""
    codes, real = judges.codes(images.images), judges.codes(test.images)
    precision, recall = measures.precision_and_recall(real, codes)
    spreads = measures.spreads(codes, images.labels) / measures.spreads(real, test.labels)
    return {
        "label_agreement": float(np.mean(judges.labels(images.images) == images.labels)),
        "frechet_distance": measures.frechet_distance(codes, real),
        "precision": precision,
        "recall": recall,
        "class_diversity": float(spreads.mean()),
        "lowest_class_diversity": float(spreads.min()),
    }


def best_gaussians(data: ImageDataset, labels: np.ndarray, judges: Judges) -> tuple[Images, int]:
    """What Gaussians make for the labels, with the number of components that suits best.

    The number is chosen by the Frechet distance from the validation images.
    """
    gaussians, real = Gaussians(data.train), judges.codes(data.validation.images)
    made = {number: gaussians.draw(labels, number) for number in COMPONENTS}
    distances = {
        number: measures.frechet_distance(judges.codes(images), real)
        for number, images in made.items()
    }
    best = min(COMPONENTS, key=lambda number: distances[number])
    return Images(made[best], labels), best


def _compared(made: Images, data: ImageDataset, judges: Judges) -> list[Metric]:
    """The metrics of the made pictures, beside the Gaussians' and the training images'."""
    drawn, components = best_gaussians(data, made.labels, judges)
    model, gaussians, train = (
        measure(images, data.test, judges) for images in (made, drawn, data.train[: len(made)])
    )
    accuracy = np.mean(judges.labels(data.test.images) == data.test.labels)
    ratio = model["frechet_distance"] / train["frechet_distance"]
    space = f"in the code space of {EMBEDDING}"
    notes = {
        "label_agreement": f"{CLASSIFIER} sees the digit that was asked for; its accuracy on the "
        f"test images is {accuracy:.4f}",
        "frechet_distance": f"{space}; {ratio:.2f} times the training images'",
        "precision": f"share of the pictures that lie among the test images, {space}",
        "recall": f"share of the test images that lie among the pictures, {space}",
        "class_diversity": f"variance of a class, relative to the test images', {space}",
        "lowest_class_diversity": "of the class where it is lowest",
    }
    name = f"Gaussians per class, {components} principal components"
    return [
        Metric(
            figure,
            f"{len(made):,} made pictures, MNIST test",
            value,
            higher_is_better=figure != "frechet_distance",
            baseline=Baseline(name, gaussians[figure]),
            note=f"{notes[figure]}; {len(made):,} training images: {train[figure]:.4f}",
        )
        for figure, value in model.items()
    ]


def _copies(neighbours: Neighbours) -> Metric:
    return Metric(
        "copies",
        f"{len(neighbours.distances):,} made pictures, MNIST train",
        float(np.mean(neighbours.distances < neighbours.copied)),
        higher_is_better=False,
        note=f"share nearer to a training image (Euclidean, pixels in 0..1) than "
        f"{neighbours.copied:.2f}; of the test images, 1% are",
    )
