"""What the two kinds of classifiers share: one output, made to be labels' probabilities."""

from collections.abc import Callable

import tensorflow as tf

from training.card import Task
from training.errors import PackagingError
from training.packaging.choices import Choices, Say
from training.packaging.ending import ending
from training.packaging.loaded import LoadedModel, LoadedSignature, listed, written

Probabilities = Callable[[tf.Tensor], tf.Tensor]


def signature_of(model: LoadedModel, task: Task) -> LoadedSignature:
    """The signature that classifies: it has one input and one output.

    Raises:
        PackagingError: it has more.
    """
    found = model.signature
    if len(found.inputs) != 1 or len(found.outputs) != 1:
        raise PackagingError(
            f"The task {task} takes a model with one input and one output. {model.source} has the "
            f"inputs {listed(found.inputs)}, and the outputs {listed(found.outputs)}: choose "
            "--task tensors."
        )
    return found


def classes(signature: LoadedSignature) -> int | None:
    """How many numbers the only output has for an input; None if that isn't known."""
    shape = next(iter(signature.outputs.values())).shape
    return shape[1] if shape.rank == 2 else None


def probabilities(
    signature: LoadedSignature, choices: Choices, source: str, say: Say
) -> tuple[Probabilities, list[str]]:
    """What turns the model's output into probabilities, and their labels.

    Raises:
        PackagingError: the output isn't one number a label, or there are more or fewer labels.
    """
    name, spec = next(iter(signature.outputs.items()))
    count = classes(signature)
    if count is None or not spec.dtype.is_floating:
        raise PackagingError(
            f"A classifier answers with float numbers [?, labels]. The output {name} of {source} "
            f"is {written(spec)}: choose --task tensors."
        )
    activation = _activation(signature, name, count, choices, say)

    def finish(output: tf.Tensor) -> tf.Tensor:
        output = tf.cast(output, tf.float32)
        if activation == "sigmoid":
            output = tf.sigmoid(output)
        if count == 1:
            return tf.concat([1.0 - output, output], axis=1)
        return tf.nn.softmax(output) if activation == "softmax" else output

    labels = _labels(max(2, count), choices, source, say)
    if count == 1:
        positive, negative = labels[1], labels[0]
        say(f"Its one output is the probability of {positive!r}; {negative!r} has the rest.")
    return finish, labels


def _activation(
    signature: LoadedSignature, name: str, count: int, choices: Choices, say: Say
) -> str:
    """Which activation is put at the model's end."""
    if choices.activation is not None:
        if count == 1 and choices.activation == "softmax":
            raise PackagingError(
                "A softmax over one output is always 1: use --activation sigmoid or none."
            )
        return choices.activation
    if ending(signature.function, name) != "none":
        return "none"
    proposed = "sigmoid" if count == 1 else "softmax"
    say(
        f"The model doesn't end with a softmax or sigmoid: a {proposed} is put there. If its "
        "output is probabilities already, use --activation none."
    )
    return proposed


def _labels(count: int, choices: Choices, source: str, say: Say) -> list[str]:
    if choices.labels is None:
        say(
            f'Its labels are "0" to "{count - 1}", by the order of its outputs. Give their names '
            "by --labels a,b,... or --labels-file FILE."
        )
        return [str(number) for number in range(count)]
    labels = [label.strip() for label in choices.labels]
    if len(labels) != count:
        raise PackagingError(
            f"{source} has {count} outputs, and {len(labels)} labels were given "
            f"({', '.join(labels)}): give one for each output, in their order."
        )
    if len(set(labels)) < count or "" in labels:
        raise PackagingError(f"Each label must be there once and not be empty: {labels}.")
    return labels
