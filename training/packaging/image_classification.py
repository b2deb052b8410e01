"""A classifier of pictures: pixels of 0..255 in, probabilities out, all else inside the graph."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import tensorflow as tf
from PIL import Image, ImageOps

from training.card import Framing, ImagePreprocessing
from training.errors import PackagingError
from training.packaging.choices import RANGES, Choices, Say, ValueRange
from training.packaging.classes import probabilities, signature_of
from training.packaging.loaded import LoadedModel, trace, written
from training.packaging.served import Inputs, ServedModel

SCALING: dict[ValueRange, tuple[float, float]] = {
    "0..1": (1 / 255, 0.0),
    "-1..1": (2 / 255, -1.0),
    "0..255": (1.0, 0.0),
}
"""What pixels of 0..255 are multiplied by, and what is added, to be in a range."""


@dataclass(frozen=True)
class Pictures:
    """The form of the pictures; without an axis for channels they are grey."""

    height: int
    width: int
    channels: int
    has_channel_axis: bool

    @property
    def shape(self) -> tuple[int, int, int]:
        """Height, width, channels."""
        return self.height, self.width, self.channels


def looks_like_pictures(spec: tf.TensorSpec) -> bool:
    """Whether an input is probably one of pictures, by its shape."""
    if spec.shape.rank == 4:
        return spec.shape[3] in (1, 3) and _is_number(spec)
    return spec.shape.rank == 3 and spec.shape[1] == spec.shape[2] is not None and _is_number(spec)


def serve(model: LoadedModel, choices: Choices, say: Say) -> ServedModel:
    """Make the model take uint8 pictures and answer with probabilities.

    Raises:
        PackagingError: its input isn't pictures, its output not labels, or a choice doesn't fit.
    """
    signature = signature_of(model, "image_classification")
    name, spec = next(iter(signature.inputs.items()))
    pictures = _pictures(spec, choices, model.source)
    scale, offset = SCALING[_value_range(model, spec, choices, say)]
    colours = "in colour (3 channels)" if pictures.channels == 3 else "in grey (1 channel)"
    say(f"Pictures are resized to {pictures.height} x {pictures.width} pixels, {colours}.")
    finish, labels = probabilities(signature, choices, model.source, say)
    output = next(iter(signature.outputs))

    def classify(image: tf.Tensor) -> dict[str, tf.Tensor]:
        pixels = image if pictures.has_channel_axis else tf.squeeze(image, 3)
        if (scale, offset) != (1.0, 0.0):
            pixels = tf.cast(pixels, tf.float32) * scale + offset
        answer = signature.function(**{name: tf.cast(pixels, spec.dtype)})
        return {"probabilities": finish(answer[output])}

    image = tf.TensorSpec([None, *pictures.shape], tf.uint8, "image")
    preprocessing = ImagePreprocessing(Framing("resize"), *pictures.shape)
    return ServedModel(
        "image_classification",
        trace(model.source, classify, {"image": image}),
        preprocessing,
        labels,
        lambda rows, random: [_inputs(random.integers(0, 256, (rows, *pictures.shape)))],
        lambda files, most: _inputs(np.stack([_read(f, pictures) for f in files[:most]])),
    )


def _pictures(spec: tf.TensorSpec, choices: Choices, source: str) -> Pictures:
    if spec.shape.rank not in (3, 4) or not _is_number(spec):
        raise PackagingError(
            f"{source} isn't a model of pictures: these are [?, height, width, channels], and its "
            f"input is {written(spec)}. Choose --task tensors."
        )
    has_axis = spec.shape.rank == 4
    height, width = _size(spec, choices, source)
    channels = spec.shape[3] if has_axis else 1
    if channels not in (1, 3):
        raise PackagingError(
            f"{source} takes pictures of {channels or 'any number of'} channels "
            f"({written(spec)}), and 1 (grey) or 3 (colour) can be served, as the last dimension. "
            "Choose --task tensors, or save a model that takes one of these."
        )
    return Pictures(height, width, channels, has_axis)


def _size(spec: tf.TensorSpec, choices: Choices, source: str) -> tuple[int, int]:
    height, width = own = spec.shape[1], spec.shape[2]
    if choices.size is None:
        if None in own:
            raise PackagingError(
                f"{source} takes pictures of any size ({written(spec)}), and one size is served: "
                "say which, for instance --size 224x224."
            )
        return int(height), int(width)
    if any(mine not in (None, said) for mine, said in zip(own, choices.size, strict=True)):
        raise PackagingError(
            f"{source} takes pictures of {height} x {width} pixels, not of "
            f"{choices.size[0]} x {choices.size[1]}: leave out --size."
        )
    return choices.size


def _value_range(model: LoadedModel, spec: tf.TensorSpec, choices: Choices, say: Say) -> ValueRange:
    if spec.dtype.is_integer:
        if choices.value_range not in (None, "0..255"):
            raise PackagingError(
                f"{model.source} takes whole numbers ({written(spec)}), which can't be scaled to "
                f"{choices.value_range}: leave out --range."
            )
        return "0..255"
    if choices.value_range is not None:
        return choices.value_range
    proposed: ValueRange = "0..255" if model.takes_pixels else "0..1"
    why = {
        True: "a layer that scales them comes first",
        False: "no layer that scales them comes first",
        None: "nothing in the model says how they are scaled",
    }[model.takes_pixels]
    others = " or ".join(f"--range {each}" for each in RANGES if each != proposed)
    say(
        f"The model gets pixels in {proposed}, since {why}. If it was trained on others, use "
        f"{others}."
    )
    return proposed


def _is_number(spec: tf.TensorSpec) -> bool:
    return bool(spec.dtype.is_floating or spec.dtype.is_integer)


def _inputs(pictures: np.ndarray) -> Inputs:
    return {"image": pictures.astype(np.uint8)}


def _read(path: Path, pictures: Pictures) -> np.ndarray:
    """uint8 [height, width, channels] of a file."""
    try:
        with Image.open(path) as file:
            image = ImageOps.exif_transpose(file).convert("L" if pictures.channels == 1 else "RGB")
    except (OSError, ValueError, Image.DecompressionBombError) as error:
        raise PackagingError(f"The sample {path} isn't a picture that can be read.") from error
    resized = image.resize((pictures.width, pictures.height), Image.Resampling.BILINEAR)
    return np.asarray(resized).reshape(pictures.shape)
