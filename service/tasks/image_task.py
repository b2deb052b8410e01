"""Tasks on images: from an image file to the pixels that the model's card describes."""

import math
from collections.abc import Iterator, Sequence
from typing import ClassVar, TypeVar

import numpy as np
from PIL import Image

from service.errors import CorruptModelError
from service.runtime.card import ImagePreprocessing, InkFraming, ModelCard
from service.runtime.runner import Race, Runner, ShapeProgram
from service.runtime.saved_model import Array, SavedModel
from service.runtime.signature_check import fits
from service.tasks.preprocessing.framing import frame_ink
from service.tasks.preprocessing.images import Pixels, decode_image, decoding_bytes, pixel_count
from service.tasks.task import Task, TaskLimits, only_input
from service.telemetry.metrics import ModelMetrics

Answer = TypeVar("Answer")

_SLOW_PIXELS = 64 * 1024  # decoding this many takes about a millisecond
_SLOW_BYTES = 256 * 1024  # parsing a file of this size takes as long


class ImageTask(Task[bytes, Pixels, Answer]):
    """A task whose inputs are image files; a row is uint8 [height, width, channels]."""

    outputs: ClassVar[tuple[str, ...]]
    """The model's outputs that the task reads."""

    def __init__(self, model: SavedModel, card: ModelCard, limits: TaskLimits) -> None:
        """Raises CorruptModelError if the card isn't that of an image model."""
        if not isinstance(card.preprocessing, ImagePreprocessing):
            raise CorruptModelError(f"{card.name}: its card has no image preprocessing.")
        self._preprocessing = wanted = card.preprocessing
        self._max_pixels = limits.max_pixels
        spec = card.signature("serving_default", *self.outputs)
        row_shape = (wanted.height, wanted.width, wanted.channels)
        self._row_bytes = math.prod(row_shape)
        self._input = only_input(card, "serving_default")
        tensor = spec.inputs[self._input]
        if not fits(row_shape, tensor.shape[1:]):
            raise CorruptModelError(
                f"{card.name}/{card.version}: its card's preprocessing makes images of "
                f"{row_shape}, but the model takes {tensor.shape[1:]} (height, width, channels)."
            )
        self._dtype = np.dtype(tensor.dtype)
        self._runner = Runner(
            model.signature("serving_default", spec),
            [{self._input: row_shape}],
            limits.max_batch_size,
        )

    def decodes_in_thread(self, data: bytes) -> bool:
        """Return whether the image is large, by its header or by the file's size."""
        return len(data) > _SLOW_BYTES or pixel_count(data) > _SLOW_PIXELS

    def decoding_bytes(self, data: bytes) -> int:
        """Return the most bytes that decoding takes; 0 for an image that is too large to decode."""
        if pixel_count(data) > self._max_pixels:
            return 0
        return decoding_bytes(data, channels=self._preprocessing.channels)

    def row_bytes(self, data: bytes) -> int:
        """Return the size, in bytes, of the pixels that the model takes."""
        return self._row_bytes

    def decode(self, data: bytes) -> Pixels:
        """Decode, frame and shape one image."""
        wanted = self._preprocessing
        pixels = decode_image(data, channels=wanted.channels, max_pixels=self._max_pixels)
        if isinstance(wanted.framing, InkFraming):
            framed = frame_ink(
                pixels, height=wanted.height, width=wanted.width, box=wanted.framing.box
            )
        else:
            framed = _resize(pixels, wanted.height, wanted.width)
        return framed.reshape(wanted.height, wanted.width, wanted.channels)

    def expect(self, known: Sequence[ShapeProgram]) -> None:
        """Don't compile where that was slower for an earlier version."""
        self._runner.expect(known)

    def warm_up(self) -> None:
        """Run the model once, and load Pillow's image formats."""
        Image.init()
        self._runner.warm_up()

    def optimize(self) -> Iterator[Race]:
        """Find the faster program for each batch size."""
        return self._runner.optimize()

    def programs(self) -> Sequence[ShapeProgram]:
        """Return which program runs each batch size."""
        return self._runner.programs()

    def observe(self, metrics: ModelMetrics, answers: Sequence[Answer]) -> None:
        """Count how much the model computed, and how much of it was padding."""
        metrics.computed(self._runner.elements)

    def infer(self, rows: Sequence[Pixels]) -> dict[str, Array]:
        """Run the model on the rows; return its outputs, each [len(rows), ...]."""
        # np.stack does the same, but takes twice as long.
        batch: Array = np.concatenate(rows).reshape(len(rows), *rows[0].shape)
        wanted = self._preprocessing
        if (wanted.scale, wanted.offset) != (1.0, 0.0):
            batch = batch * wanted.scale + wanted.offset
        return self._runner({self._input: batch.astype(self._dtype, copy=False)})


def _resize(pixels: Pixels, height: int, width: int) -> Pixels:
    if pixels.shape[:2] == (height, width):
        return pixels
    image = Image.fromarray(pixels).resize((width, height), Image.Resampling.BILINEAR)
    return np.asarray(image)
