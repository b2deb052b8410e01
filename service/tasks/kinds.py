"""The kinds of tasks: what makes the task of a model, by the name in its card."""

from collections.abc import Callable
from typing import Final

from service.errors import CorruptModelError
from service.runtime.card import ModelCard
from service.runtime.saved_model import SavedModel
from service.tasks.image_classification import ImageClassification
from service.tasks.image_embedding import ImageEmbedding
from service.tasks.task import AnyTask, TaskLimits
from service.tasks.text_classification import TextClassification

KINDS: Final[dict[str, Callable[[SavedModel, ModelCard, TaskLimits], AnyTask]]] = {
    "image_classification": ImageClassification,
    "image_embedding": ImageEmbedding,
    "text_classification": TextClassification,
}
"""What makes a task of a loaded model, by the card's `task`."""


def make_task(model: SavedModel, card: ModelCard, limits: TaskLimits) -> AnyTask:
    """Return the task of a model, ready to be warmed up.

    Raises:
        CorruptModelError: there is no such kind, or the card or the model doesn't fit it.
    """
    make = KINDS.get(card.task)
    if make is None:
        raise CorruptModelError(f"{card.name}: nothing serves the task {card.task!r}.")
    return make(model, card, limits)
