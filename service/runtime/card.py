"""The model card: what `model.json` beside a SavedModel says about it.

The service gets from it all that it needs to know of a model: the task, the labels, the signatures
and the preprocessing. Fields that it doesn't know (hyperparameters, training data) are ignored.
"""

from typing import Annotated, Any, Final, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from service.errors import CorruptModelError

MODEL_NAME: Final = r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}"
"""What a model's name may be, as a regular expression."""


def _check_file_name(name: str) -> str:
    if any(part in ("", ".", "..") for part in name.split("/")) or not name.isprintable():
        raise ValueError(f"{name!r} isn't the path of a file below the version's folder")
    return name


FileName = Annotated[str, AfterValidator(_check_file_name)]


class CardPart(BaseModel):
    """A part of the card; fields that the service doesn't know are ignored."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class TensorSpec(CardPart):
    """A tensor of a signature; `None` in the shape is a dimension of any size."""

    dtype: str
    shape: tuple[int | None, ...]


class SignatureSpec(CardPart):
    """A signature's inputs and outputs by name."""

    inputs: dict[str, TensorSpec]
    outputs: dict[str, TensorSpec]


class InkFraming(CardPart):
    """The form of MNIST: light ink on dark, scaled to fit `box` x `box` pixels, centred by mass."""

    type: Literal["ink"]
    box: int = Field(ge=1)


class ResizeFraming(CardPart):
    """The whole picture, resized to the model's size."""

    type: Literal["resize"]


class ImagePreprocessing(CardPart):
    """How a picture becomes the model's input: `scale * (0..255) + offset`, in its dtype."""

    type: Literal["image"]
    height: int = Field(ge=1)
    width: int = Field(ge=1)
    channels: Literal[1, 3]
    scale: float = 1.0
    offset: float = 0.0
    framing: Annotated[InkFraming | ResizeFraming, Field(discriminator="type")]


class TextPreprocessing(CardPart):
    """How a text becomes the model's input: at most `max_tokens`, padded to a length bucket.

    `head_tokens` says which tokens of a longer text the signature `vectorize` returns: so many of
    the first ones, and of the last ones as many as are left of `max_tokens`. None: it isn't known.

    `normalization` names the rule that brings a text into the form that the model was trained on
    (see `service.tasks.preprocessing.text_normalization`). None: the model gets texts as they are.
    """

    type: Literal["text"]
    max_tokens: int = Field(ge=1)
    length_buckets: tuple[int, ...] = Field(min_length=1)
    head_tokens: int | None = Field(default=None, ge=0)
    normalization: Literal["plain-text-1"] | None = None

    @model_validator(mode="after")
    def _check_head(self) -> Self:
        if self.head_tokens is not None and self.head_tokens > self.max_tokens:
            raise ValueError("head_tokens can't be more than max_tokens")
        return self


class RawTextPreprocessing(CardPart):
    """Texts go into the model as they are."""

    type: Literal["raw_text"]


class NoisePreprocessing(CardPart):
    """The model makes pictures of labels and of noise: `size` standard normal numbers each."""

    type: Literal["noise"]
    size: int = Field(ge=1)


class TensorPreprocessing(CardPart):
    """There is none: arrays go into the model as they are."""

    type: Literal["tensors"]


Preprocessing = (
    ImagePreprocessing
    | TextPreprocessing
    | RawTextPreprocessing
    | NoisePreprocessing
    | TensorPreprocessing
)


class ModelCard(CardPart):
    """What the service needs to know of a model."""

    name: str = Field(pattern=f"^{MODEL_NAME}$")
    version: int = Field(ge=1, lt=2**63)
    task: str
    description: str = ""
    created: str = ""
    labels: tuple[str, ...] | None = None
    signatures: dict[str, SignatureSpec]
    preprocessing: Annotated[Preprocessing, Field(discriminator="type")]
    libraries: dict[str, str] = {}
    metrics: tuple[dict[str, Any], ...] = ()
    """Measurements from the training, for people: a name, a data set, a value and more."""
    files: dict[FileName, str]
    """The SHA-256 of each file, by its path below the version's folder."""

    def signature(self, name: str, *outputs: str) -> SignatureSpec:
        """Return the card's entry for a signature, which must have these outputs.

        Raises:
            CorruptModelError: there is no such signature, or it lacks an output.
        """
        spec = self.signatures.get(name)
        if spec is None or not spec.outputs.keys() >= set(outputs):
            raise CorruptModelError(
                f"{self.name}/{self.version}: the task {self.task} needs a signature {name!r} "
                f"with the outputs {', '.join(outputs)}, and the card has none."
            )
        return spec
