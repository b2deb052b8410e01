"""Which task a model is probably for, by its inputs and outputs."""

from training.card import Task
from training.packaging.choices import Choices, Say
from training.packaging.classes import classes
from training.packaging.ending import ending
from training.packaging.image_classification import looks_like_pictures
from training.packaging.loaded import LoadedModel, LoadedSignature
from training.packaging.text_classification import takes_texts

REASONS: dict[Task, str] = {
    "image_classification": "its input looks like pictures, its output like one number a label",
    "text_classification": "its input is a string, its output looks like one number a label",
    "tensors": "it doesn't look like a classifier of pictures or texts",
}


def propose_task(model: LoadedModel, choices: Choices, say: Say) -> Task:
    """The task that the user chose, else the likeliest one."""
    if choices.task is not None:
        return choices.task
    task = _likeliest(model)
    say(f"The task is {task}: {REASONS[task]}. Choose another by --task TASK.")
    return task


def _likeliest(model: LoadedModel) -> Task:
    signature = model.signature
    if len(signature.inputs) != 1 or len(signature.outputs) != 1:
        return "tensors"
    if not _looks_like_classes(signature):
        return "tensors"
    spec = next(iter(signature.inputs.values()))
    if takes_texts(spec):
        return "text_classification"
    return "image_classification" if looks_like_pictures(spec) else "tensors"


def _looks_like_classes(signature: LoadedSignature) -> bool:
    """Whether the output is one number a label; a single number without a sigmoid isn't."""
    name, spec = next(iter(signature.outputs.items()))
    count = classes(signature)
    if count is None or not spec.dtype.is_floating:
        return False
    return count > 1 or ending(signature.function, name) == "sigmoid"
