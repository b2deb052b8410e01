"""Reading the answers of both protocols. One without the documented form is an error."""

import json
import math
from collections.abc import Iterable, Sequence
from typing import Any, Final

DIMENSIONS: Final = 32
"""Numbers in an embedding of the shipped model."""

_HTTP_FIELDS: Final = {"classify": "label", "sentiment": "label", "embed": "embedding"}
_GRPC_FIELDS: Final = {
    "classify": ("classification", "label"),
    "sentiment": ("sentiment", "label"),
    "embed": ("embedding", "values"),
}


class BadAnswerError(Exception):
    """An answer doesn't have the documented form. A wrong label isn't such an error."""


def read_http(task: str, content: bytes, count: int) -> list[str]:
    """Return the labels in the answer to `count` inputs; of embeddings, none.

    Raises:
        BadAnswerError: it doesn't have the documented form, or an input wasn't answered.
    """
    field = _HTTP_FIELDS[task]
    try:
        answer = json.loads(content)
        found = [one[field] for one in (answer if count > 1 else [answer])]
    except (ValueError, KeyError, TypeError) as error:
        raise BadAnswerError(f"the answer can't be read: {type(error).__name__}") from error
    return _read(task, found, count)


def read_grpc(task: str, response: Any, count: int) -> list[str]:
    """Return what `read_http` does, of a response message of trident.v1.Inference."""
    outcome, field = _GRPC_FIELDS[task]
    if any(result.WhichOneof("outcome") != outcome for result in response.results):
        raise BadAnswerError("the answer to an input is an error")
    found = [getattr(getattr(result, outcome), field) for result in response.results]
    return _read(task, found, count)


def _read(task: str, found: Sequence[Any], count: int) -> list[str]:
    if len(found) != count:
        raise BadAnswerError("not as many answers as inputs")
    if task == "embed":
        _check_vectors(found)
        return []
    if not all(isinstance(label, str) for label in found):
        raise BadAnswerError("a label isn't a string")
    return list(found)


def _check_vectors(vectors: Iterable[Any]) -> None:
    for vector in vectors:
        if not isinstance(vector, Sequence) or len(vector) != DIMENSIONS:
            raise BadAnswerError(f"an embedding doesn't have {DIMENSIONS} numbers")
        if not all(isinstance(value, int | float) and math.isfinite(value) for value in vector):
            raise BadAnswerError("an embedding has numbers that aren't finite")
