"""A classifier of texts that takes them as they are: what splits them is inside the graph."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import tensorflow as tf

from training.card import RawTextPreprocessing
from training.errors import PackagingError
from training.packaging.choices import Choices, Say, read_lines
from training.packaging.classes import probabilities, signature_of
from training.packaging.loaded import LoadedModel, trace, written
from training.packaging.served import Inputs, ServedModel

WORDS = ["a", "the", "this", "it", "was", "is", "not", "very", "and", "but", "of", "in", "we"]
WORDS += ["film", "book", "place", "good", "bad", "great", "poor", "never", "loved", "hated"]
"""What made-up texts are made of."""


def takes_texts(spec: tf.TensorSpec) -> bool:
    """Whether an input takes one string a row."""
    is_row = spec.shape.rank == 1 or (spec.shape.rank == 2 and spec.shape[1] == 1)
    return is_row and bool(spec.dtype == tf.string)


def serve(model: LoadedModel, choices: Choices, say: Say) -> ServedModel:
    """Make the model take a string a row and answer with probabilities.

    Raises:
        PackagingError: it takes no strings, its output isn't labels, or a choice doesn't fit.
    """
    signature = signature_of(model, "text_classification")
    name, spec = next(iter(signature.inputs.items()))
    if not takes_texts(spec):
        raise PackagingError(
            f"A text classifier takes strings, [?] or [?, 1], and the input {name} of "
            f"{model.source} is {written(spec)}: put its TextVectorization into the model, or "
            "choose --task tensors."
        )
    say("Texts are given to the model as they are.")
    finish, labels = probabilities(signature, choices, model.source, say)
    output = next(iter(signature.outputs))

    def classify(text: tf.Tensor) -> dict[str, tf.Tensor]:
        rows = tf.reshape(text, [-1, 1]) if spec.shape.rank == 2 else text
        return {"probabilities": finish(signature.function(**{name: rows})[output])}

    text = tf.TensorSpec([None], tf.string, "text")
    return ServedModel(
        "text_classification",
        trace(model.source, classify, {"text": text}),
        RawTextPreprocessing(),
        labels,
        lambda rows, random: [_inputs([_sentence(random) for _ in range(rows)])],
        _read,
    )


def _inputs(texts: Sequence[str]) -> Inputs:
    return {"text": np.array([text.encode() for text in texts])}


def _sentence(random: np.random.Generator) -> str:
    return " ".join(random.choice(WORDS, random.integers(3, 16))).capitalize() + "."


def _read(files: Sequence[Path], most: int) -> Inputs:
    lines = [line for path in files for line in read_lines(path)]
    if not lines:
        raise PackagingError("There are no samples: the file must have a text in each line.")
    return _inputs(lines[:most])
