"""The model card, `model.json`: a model's task, inputs, outputs, training and quality.

Everything that serves a model reads it, so its form is a contract: new fields may be added, but
existing ones must not change.
"""

import hashlib
import json
import platform
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any, Literal

import tensorflow as tf

from training.errors import ArtifactError
from training.files import write_atomically

FILE_NAME = "model.json"
Task = Literal[
    "image_classification", "text_classification", "image_embedding", "image_generation", "tensors"
]


@dataclass(frozen=True)
class Tensor:
    """A named input or output; None in the shape is a variable size."""

    dtype: str
    shape: list[int | None]


@dataclass(frozen=True)
class Signature:
    """One way to call the model."""

    inputs: dict[str, Tensor]
    outputs: dict[str, Tensor]


@dataclass(frozen=True)
class Framing:
    """How a picture is brought to the model's size.

    "ink": light on dark, the ink's bounding box scaled into `box` x `box`, centred by mass.
    "resize": the whole picture, scaled.
    """

    type: Literal["ink", "resize"]
    box: int | None = None


@dataclass(frozen=True)
class ImagePreprocessing:
    """The model gets `scale * pixel + offset`, of pixels in 0..255, in its input's dtype."""

    framing: Framing
    height: int = 28
    width: int = 28
    channels: int = 1
    scale: float = 1.0
    offset: float = 0.0
    type: Literal["image"] = "image"


@dataclass(frozen=True)
class TextPreprocessing:
    """Of a text with more than `max_tokens`, the first `head_tokens` and the last ones are read.

    Rows are padded to the smallest bucket they fit. `normalization` names the rule that the
    training texts were normalized with.
    """

    max_tokens: int
    length_buckets: list[int]
    head_tokens: int
    normalization: str | None
    type: Literal["text"] = "text"


@dataclass(frozen=True)
class RawTextPreprocessing:
    """Texts go into the model as they are: one string a row."""

    type: Literal["raw_text"] = "raw_text"


@dataclass(frozen=True)
class NoisePreprocessing:
    """The model makes a picture from a label's number and `size` standard normal numbers."""

    size: int
    type: Literal["noise"] = "noise"


@dataclass(frozen=True)
class TensorPreprocessing:
    """There is none: arrays go into the model as they are."""

    type: Literal["tensors"] = "tensors"


Preprocessing = (
    ImagePreprocessing
    | TextPreprocessing
    | RawTextPreprocessing
    | NoisePreprocessing
    | TensorPreprocessing
)


@dataclass(frozen=True)
class TrainingData:
    """A data set: where it comes from, its SHA-256, and the number of examples in each part."""

    name: str
    source: str
    sha256: str
    splits: dict[str, int]


@dataclass(frozen=True)
class Baseline:
    """A simple model, measured on the same data, that the model should beat."""

    name: str
    value: float


@dataclass(frozen=True)
class Metric:
    """One figure, measured on data that the model was not trained on."""

    name: str
    dataset: str
    value: float
    higher_is_better: bool = True
    baseline: Baseline | None = None
    note: str | None = None


@dataclass(frozen=True)
class TrainingRecord:
    """What only the training knows; kept beside the model so that an evaluation can be repeated.

    `history` has a list with one number per epoch for each curve, `baselines` the figures of models
    that the training did not keep.
    """

    name: str
    version: int
    hyperparameters: dict[str, str | int | float | bool]
    history: dict[str, list[float]]
    seconds: float
    baselines: dict[str, float] = field(default_factory=dict)
    created: str = field(default_factory=lambda: now())
    libraries: dict[str, str] = field(default_factory=lambda: libraries())

    FILE_NAME = "training.json"

    @property
    def quick(self) -> bool:
        """Whether it was a smoke test."""
        return bool(self.hyperparameters.get("quick"))

    def write(self, folder: Path) -> None:
        """Write `training.json`."""
        _write_json(folder / self.FILE_NAME, asdict(self))

    @classmethod
    def read(cls, folder: Path) -> "TrainingRecord":
        """Read `training.json`.

        Raises:
            ArtifactError: `folder` isn't a model that was trained here.
        """
        return cls(**_read_json(folder / cls.FILE_NAME))


@dataclass(frozen=True)
class Card:
    """The whole card. For a model that was trained elsewhere, how it was made stays empty."""

    name: str
    version: int
    task: Task
    description: str
    created: str
    labels: list[str] | None
    signatures: dict[str, Signature]
    preprocessing: Preprocessing
    training_data: list[TrainingData]
    hyperparameters: dict[str, str | int | float | bool]
    metrics: list[Metric]
    libraries: dict[str, str]
    files: dict[str, str]

    def write(self, folder: Path) -> None:
        """Write `model.json`."""
        _write_json(folder / FILE_NAME, asdict(self))


def make_card(
    folder: Path,
    *,
    task: Task,
    description: str,
    labels: Sequence[str] | None,
    preprocessing: Preprocessing,
    training_data: Sequence[TrainingData],
    metrics: Sequence[Metric],
) -> Card:
    """The card of the SavedModel in `folder`: from the arguments, and from what the folder has.

    Raises:
        ArtifactError: `folder` has no model that was trained here.
    """
    record = TrainingRecord.read(folder)
    return Card(
        name=record.name,
        version=record.version,
        task=task,
        description=description,
        created=record.created,
        labels=None if labels is None else list(labels),
        signatures=signatures(tf.saved_model.load(str(folder))),
        preprocessing=preprocessing,
        training_data=list(training_data),
        hyperparameters=record.hyperparameters,
        metrics=list(metrics),
        libraries=record.libraries,
        files=file_hashes(folder),
    )


def packaged_card(
    folder: Path,
    *,
    name: str,
    version: int,
    task: Task,
    description: str,
    labels: Sequence[str] | None,
    preprocessing: Preprocessing,
) -> Card:
    """The card of a model that was trained elsewhere, whose SavedModel is in `folder`."""
    return Card(
        name=name,
        version=version,
        task=task,
        description=description,
        created=now(),
        labels=None if labels is None else list(labels),
        signatures=signatures(tf.saved_model.load(str(folder))),
        preprocessing=preprocessing,
        training_data=[],
        hyperparameters={},
        metrics=[],
        libraries=libraries(),
        files=file_hashes(folder),
    )


def read(folder: Path) -> dict[str, Any]:
    """The card in `folder` as plain JSON values.

    Raises:
        ArtifactError: there is none, or it isn't JSON.
    """
    return _read_json(folder / FILE_NAME)


def signatures(loaded: Any) -> dict[str, Signature]:
    """The signatures of what `tf.saved_model.load` returned."""
    return {
        name: Signature(
            inputs=_tensors(function.structured_input_signature[1]),
            outputs=_tensors(function.structured_outputs),
        )
        for name, function in loaded.signatures.items()
    }


def _tensors(specs: Mapping[str, Any]) -> dict[str, Tensor]:
    return {name: Tensor(spec.dtype.name, spec.shape.as_list()) for name, spec in specs.items()}


def file_hashes(folder: Path) -> dict[str, str]:
    """SHA-256 of each file of the model in `folder` (pictures and JSON are not part of it)."""
    patterns = ("*.pb", "*.npz", "variables/*", "assets/*")
    files = [file for pattern in patterns for file in folder.glob(pattern)]
    return {
        file.relative_to(folder).as_posix(): hashlib.sha256(file.read_bytes()).hexdigest()
        for file in sorted(files)
    }


def now() -> str:
    """This moment in UTC, as cards say it."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def libraries() -> dict[str, str]:
    """The versions that are needed to repeat the training with the same result."""
    return {
        "python": platform.python_version(),
        "tensorflow": tf.__version__,
        "keras": version("keras"),
        "numpy": version("numpy"),
    }


def _write_json(path: Path, content: Mapping[str, Any]) -> None:
    write_atomically(path, (json.dumps(content, indent=2) + "\n").encode())


def _read_json(path: Path) -> dict[str, Any]:
    try:
        content: dict[str, Any] = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise ArtifactError(
            f"{path.parent} is not a model that was trained here ({path.name}: {error}). "
            "Name a folder like models/digits/1, or train the model first."
        ) from error
    return content
