"""The table of kinds: the input and the answer of each kind of task, and its class."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, Literal

from service.errors import CorruptModelError
from service.runtime.card import ModelCard, RawTextPreprocessing
from service.runtime.saved_model import SavedModel
from service.tasks.image_classification import Classification, ImageClassification
from service.tasks.image_embedding import Embedding, ImageEmbedding
from service.tasks.image_generation import GeneratedImage, ImageGeneration
from service.tasks.raw_text_classification import RawTextClassification
from service.tasks.task import AnyTask, TaskLimits
from service.tasks.tensors import Tensors, TensorTask
from service.tasks.text_classification import TextClassification, TextLabel

Input = Literal["image", "text", "tensors", "sample"]
"""What one input of a task is: an image file as bytes, a text, arrays by name, or a `Sample`."""


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of tasks. `answer` is a dataclass that declares the fields of an answer.

    `makes_pictures` says that a `Picture` is one of them: callers may ask for a PNG, and answers
    are written in a thread.
    """

    input: Input
    answer: type[Any]
    make: Callable[[SavedModel, ModelCard, TaskLimits], AnyTask]
    makes_pictures: bool = False


def _make_text_classification(model: SavedModel, card: ModelCard, limits: TaskLimits) -> AnyTask:
    is_raw = isinstance(card.preprocessing, RawTextPreprocessing)
    make = RawTextClassification if is_raw else TextClassification
    return make(model, card, limits)


KINDS: Final[dict[str, Kind]] = {
    "image_classification": Kind("image", Classification, ImageClassification),
    "image_embedding": Kind("image", Embedding, ImageEmbedding),
    "image_generation": Kind("sample", GeneratedImage, ImageGeneration, makes_pictures=True),
    "tensors": Kind("tensors", Tensors, TensorTask),
    "text_classification": Kind("text", TextLabel, _make_text_classification),
}
"""The kinds, by the name in the field `task` of a model's card."""


def make_task(model: SavedModel, card: ModelCard, limits: TaskLimits) -> AnyTask:
    """Return the task of a model, before its warm-up.

    Raises:
        CorruptModelError: there is no such kind, or the card or the model doesn't match it.
    """
    kind = KINDS.get(card.task)
    if kind is None:
        raise CorruptModelError(f"{card.name}: its card has the unknown task {card.task!r}.")
    return kind.make(model, card, limits)
