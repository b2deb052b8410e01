"""Answers as messages of `trident.v1`.

Messages are made from nested dictionaries. A message that is made from messages copies each of
them, which takes three times as long.
"""

from collections.abc import Callable
from typing import Any, Final

import numpy as np

from service.api.answers import answer_fields
from service.api.pictures import encode_png
from service.api.trident.grpc_tensors import tensor_fields
from service.errors import TridentError
from service.prediction import Prediction
from service.tasks.image_classification import Classification
from service.tasks.image_embedding import Embedding
from service.tasks.image_generation import GeneratedImage
from service.tasks.tensors import Tensors
from service.tasks.text_classification import TextLabel
from service.transport.grpc.status import STATUS

Fields = dict[str, Any]


def result_fields(outcome: Any) -> Fields:
    """Return the fields of one input's result: its answer or its error."""
    if isinstance(outcome, TridentError):
        return {"error": {"code": STATUS[type(outcome)].value, "message": str(outcome)}}
    field, fields = _ANSWERS.get(type(outcome), ("fields", _struct))
    return {field: fields(outcome)}


def timing_fields(prediction: Prediction) -> Fields:
    """Return the fields of the message Timing, in milliseconds."""
    timing = prediction.timing
    return {
        "decode_ms": timing.decode * 1e3,
        "queue_ms": timing.queue * 1e3,
        "inference_ms": timing.inference * 1e3,
    }


def _embedding(answer: Embedding) -> Fields:
    return {
        "values": answer.embedding.tolist(),
        "reconstruction_error": answer.reconstruction_error,
    }


def _tensors(answer: Tensors) -> Fields:
    return {"outputs": {name: tensor_fields(array) for name, array in answer.outputs.items()}}


def _generated(answer: GeneratedImage) -> Fields:
    return {
        "png": encode_png(answer.image.pixels),
        "label": answer.label,
        "seed": answer.seed,
    }


def _struct(answer: Any) -> Fields:
    """Return, for a Struct, the fields of an answer that has no message of its own."""
    return {
        name: value.tolist() if isinstance(value, np.ndarray) else value
        for name, value in answer_fields(answer).items()
    }


_ANSWERS: Final[dict[type[Any], tuple[str, Callable[[Any], Fields]]]] = {
    Classification: ("classification", answer_fields),
    TextLabel: ("sentiment", answer_fields),
    Embedding: ("embedding", _embedding),
    GeneratedImage: ("image", _generated),
    Tensors: ("tensors", _tensors),
}
"""For each type of answer: its field in a result, and the content of that field."""
