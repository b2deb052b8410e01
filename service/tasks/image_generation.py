"""Image generation: a label and a seed in, an image out."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Final

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from service.errors import CorruptModelError, MalformedRequestError
from service.runtime.card import ModelCard, NoisePreprocessing, SignatureSpec, TensorSpec
from service.runtime.runner import Race, Runner, ShapeProgram
from service.runtime.saved_model import SavedModel
from service.tasks.preprocessing.images import Pixels
from service.tasks.task import Task, TaskLimits
from service.telemetry.metrics import ModelMetrics

SIGNATURE: Final = "serving_default"

MOST_SEED: Final = 2**32 - 1
"""The highest seed: NumPy's `RandomState` takes 32 bits."""

_MOST_NAMED: Final = 20  # labels in an error


@dataclass(frozen=True, slots=True)
class Sample:
    """Which image to make: number `index` of those that a seed gives for a label.

    The label is its name, or its number in the card. None: the seed chooses it.
    """

    label: str | int | None
    seed: int
    index: int


@dataclass(slots=True)
class SampleRow:
    """What the model makes an image of: the label's number, and noise float [size]."""

    label: int
    noise: NDArray[Any]
    seed: int


class Picture:
    """An image that a model has made, uint8 [height, width, channels]. Callers get it as a PNG."""

    __slots__ = ("pixels",)

    def __init__(self, pixels: Pixels) -> None:
        self.pixels = pixels


@dataclass(slots=True)
class GeneratedImage:
    """An image that was made for a label."""

    image: Annotated[
        Picture,
        Field(
            description="The image: a PNG file in base64.",
            examples=["iVBORw0KGgoAAAANSUhEUgAA"],
            json_schema_extra={"contentEncoding": "base64", "contentMediaType": "image/png"},
        ),
    ]
    label: Annotated[str, Field(description="The label that it was made for.", examples=["7"])]
    seed: Annotated[
        int,
        Field(
            description="The seed. The same seed, label and model give the same image.",
            ge=0,
            le=MOST_SEED,
            examples=[42],
        ),
    ]


class ImageGeneration(Task[Sample, SampleRow, GeneratedImage]):
    """Makes images by a signature `serving_default` from labels and noise.

    Its inputs are `label`, integers [n], and `noise`, floats [n, size]; its output is `image`,
    uint8 [n, height, width, 1 or 3].
    """

    def __init__(self, model: SavedModel, card: ModelCard, limits: TaskLimits) -> None:
        """Raises CorruptModelError if the card isn't that of an image generator."""
        if not isinstance(card.preprocessing, NoisePreprocessing):
            raise CorruptModelError(f"{card.name}: its card has no preprocessing by noise.")
        if not card.labels:
            raise CorruptModelError(f"{card.name}: its card lists no labels.")
        self._labels = card.labels
        self._numbers = {label: number for number, label in enumerate(card.labels)}
        size = card.preprocessing.size
        spec = card.signature(SIGNATURE, "image")
        _check_signature(card, spec, size)
        self._size = size
        self._label_type = np.dtype(spec.inputs["label"].dtype)
        self._noise_type = np.dtype(spec.inputs["noise"].dtype)
        pixels = math.prod(size or 0 for size in spec.outputs["image"].shape[1:])
        self._row_bytes = size * self._noise_type.itemsize + pixels
        self._random = np.random.RandomState()
        self._runner = Runner(
            model.signature(SIGNATURE, spec),
            [{"label": (), "noise": (size,)}],
            limits.max_batch_size,
        )

    def decodes_in_thread(self, data: Sample) -> bool:
        """Return False: to draw the noise takes some ten microseconds."""
        return False

    def row_bytes(self, data: Sample) -> int:
        """Return the size of the noise, and of the image that is made of it."""
        return self._row_bytes

    def decode(self, data: Sample) -> SampleRow:
        """Draw the noise, and after it the label if none is asked for.

        NumPy never changes what `RandomState` draws for a seed (NEP 19), so the noise depends on
        the seed and the index alone. To seed one generator again is 20 times as fast as to make
        one; all of this is on the event loop, so nobody else uses it meanwhile.

        Raises:
            MalformedRequestError: the model has no such label.
        """
        self._random.seed([data.seed, data.index])
        noise = self._random.standard_normal(self._size).astype(self._noise_type, copy=False)
        drawn = int(self._random.randint(len(self._labels), dtype=np.int64))
        label = drawn if data.label is None else self._number(data.label)
        return SampleRow(label, noise, data.seed)

    def expect(self, known: Sequence[ShapeProgram]) -> None:
        """Don't compile where that was slower for an earlier version."""
        self._runner.expect(known)

    def warm_up(self) -> None:
        """Run the model once."""
        self._runner.warm_up()

    def optimize(self) -> Iterator[Race]:
        """Find the faster program for each batch size."""
        return self._runner.optimize()

    def programs(self) -> Sequence[ShapeProgram]:
        """Return which program runs each batch size."""
        return self._runner.programs()

    def predict(self, rows: Sequence[SampleRow]) -> list[GeneratedImage]:
        """Make an image of each row."""
        batch = {
            "label": np.array([row.label for row in rows], dtype=self._label_type),
            "noise": np.stack([row.noise for row in rows]),
        }
        images = self._runner(batch)["image"]
        return [
            GeneratedImage(Picture(pixels), self._labels[row.label], row.seed)
            for pixels, row in zip(images, rows, strict=True)
        ]

    def agrees(self, answer: GeneratedImage, other: GeneratedImage) -> bool:
        """Tell whether the images are the same, pixel by pixel.

        Two models that were trained apart make different images of the same noise.
        """
        same = np.array_equal(answer.image.pixels, other.image.pixels)
        return same and answer.label == other.label

    def observe(self, metrics: ModelMetrics, answers: Sequence[GeneratedImage]) -> None:
        """Count the labels, and how much of the work was padding."""
        metrics.computed(self._runner.elements)
        metrics.generated([answer.label for answer in answers])

    def _number(self, label: str | int) -> int:
        if isinstance(label, int):
            if 0 <= label < len(self._labels):
                return label
            raise MalformedRequestError(
                f"The number of a label must be from 0 to {len(self._labels) - 1}."
            )
        number = self._numbers.get(label)
        if number is None:
            raise MalformedRequestError(
                f"The model has no such label: send one of {_listed(self._labels)}."
            )
        return number


def _check_signature(card: ModelCard, spec: SignatureSpec, size: int) -> None:
    """Check the tensors' names, types and shapes. Raises CorruptModelError."""
    image = spec.outputs["image"]
    sound = {
        "the inputs 'label' and 'noise'": spec.inputs.keys() == {"label", "noise"},
        "'label' int32 or int64 [n]": _is(spec.inputs.get("label"), ("int32", "int64"), ()),
        f"'noise' float32 or float64 [n, {size}]": _is(
            spec.inputs.get("noise"), ("float32", "float64"), (size,)
        ),
        "'image' uint8 [n, height, width, 1 or 3]": (
            _is(image, ("uint8",), image.shape[1:])
            and len(image.shape) == 4
            and image.shape[-1] in (1, 3)
            and None not in image.shape[1:]
        ),
    }
    for needed, is_sound in sound.items():
        if not is_sound:
            raise CorruptModelError(
                f"{card.name}/{card.version}: an image generator needs {needed}, and its card says "
                "something else."
            )


def _is(tensor: TensorSpec | None, types: tuple[str, ...], row: tuple[int | None, ...]) -> bool:
    """Tell whether a tensor has one of these types, and rows of this shape."""
    return tensor is not None and tensor.dtype in types and tensor.shape == (None, *row)


def _listed(labels: Sequence[str]) -> str:
    listed = ", ".join(labels[:_MOST_NAMED])
    return listed if len(labels) <= _MOST_NAMED else f"{listed}, ..."
