"""The responses, for the OpenAPI document."""

from collections.abc import Iterable
from typing import Any, Final

from pydantic import BaseModel

from service.api.answers import answer_schema
from service.api.docs.references import reference
from service.api.pictures import PNG
from service.api.problems import STATUS, Problem, problem_document
from service.errors import (
    AbandonedError,
    ConflictError,
    MethodNotAllowedError,
    OverloadedError,
    TridentError,
    UnauthorizedError,
    UnknownPathError,
)
from service.tasks.kinds import KINDS

Json = dict[str, Any]

ANSWERS: Final = {name: answer_schema(kind.answer) for name, kind in KINDS.items()}
"""The schemas of answers by kind."""

ADMINISTRATIVE: Final = (ConflictError,)
"""The errors that only calls of the administration can meet."""

HEADERS: Final[dict[str, Json]] = {
    "X-Request-ID": {
        "description": "The id from the request, or a new one.",
        "schema": {"type": "string"},
    },
    "Server-Timing": {
        "description": "Milliseconds spent on decoding, in the queue and in the model.",
        "schema": {"type": "string"},
    },
    "X-Seed": {
        "description": "Of a PNG: the seed that it was made of.",
        "required": False,
        "schema": {"type": "integer"},
    },
    "X-Model": {
        "description": "Of a PNG: the model that made it.",
        "required": False,
        "schema": {"type": "string"},
    },
    "X-Model-Version": {
        "description": "Of a PNG: the model's version.",
        "required": False,
        "schema": {"type": "integer"},
    },
    "WWW-Authenticate": {
        "description": "How to send the key.",
        "schema": {"type": "string"},
    },
    "Retry-After": {
        "description": "Seconds to wait before the next try.",
        "schema": {"type": "integer", "minimum": 1},
    },
}


_OF_NO_PATH: Final = (AbandonedError, MethodNotAllowedError, UnknownPathError)
"""The errors that no answer of a documented path and method can be."""

_EXTRA_HEADERS: Final[dict[type[TridentError], str]] = {
    OverloadedError: "Retry-After",
    UnauthorizedError: "WWW-Authenticate",
}


def answers(kinds: Iterable[str]) -> Json:
    """Return the responses of a path that models of these kinds answer."""
    kinds = list(kinds)
    rare = {STATUS[error] for error in ADMINISTRATIVE}
    problems = problem_references(*(status for status in statuses() if status not in rare))
    success = _success([ANSWERS[kind] for kind in kinds])
    if any(KINDS[kind].makes_pictures for kind in kinds):
        success = _or_picture(success)
    return {"200": success} | problems


def problem_references(*statuses: int) -> Json:
    """Return the responses with these statuses."""
    return {str(status): reference("responses", problem_name(status)) for status in statuses}


def problem_response(status: int) -> Json:
    """Return the response of a status, with all its causes."""
    errors = [error for error in _documented() if STATUS[error] == status]
    extra = [name for error, name in _EXTRA_HEADERS.items() if error in errors]
    examples = {
        error.__name__: {
            "summary": error.title,
            "value": problem_document(error, _words(error)),
        }
        for error in errors
    }
    return {
        "description": " ".join(map(_words, errors)),
        "headers": headers("X-Request-ID", *extra),
        "content": {
            "application/problem+json": {
                "schema": reference("schemas", Problem.__name__),
                "examples": examples,
            }
        },
    }


def statuses() -> list[int]:
    """Return the statuses of problems that the document mentions."""
    return sorted({STATUS[error] for error in _documented()})


def _documented() -> list[type[TridentError]]:
    return [error for error in STATUS if error not in _OF_NO_PATH]


def problem_name(status: int) -> str:
    """Return the name of the response with this status."""
    return f"Problem{status}"


def example(model: type[BaseModel]) -> Json:
    """Return an object with the first example of each field."""
    return {name: (field.examples or [None])[0] for name, field in model.model_fields.items()}


def headers(*names: str) -> Json:
    """Return an answer's headers."""
    return {name: reference("headers", name) for name in names}


def _success(models: list[type[BaseModel]]) -> Json:
    one = [reference("schemas", model.__name__) for model in models]
    item = {"oneOf": [*one, reference("schemas", Problem.__name__)]}
    several = {"type": "array", "items": item}
    examples = example(models[0]), [example(models[0]), example(Problem)]
    return {
        "description": "An object for one input; for several a list, in their order. An input that "
        "can't be answered has its problem in the list.",
        "headers": headers("X-Request-ID", "Server-Timing"),
        "content": {
            "application/json": {
                "schema": {"oneOf": [*one, several]},
                "examples": {
                    "one": {"summary": "One input", "value": examples[0]},
                    "several": {"summary": "Several, one with a problem", "value": examples[1]},
                },
            }
        },
    }


def _or_picture(success: Json) -> Json:
    """Return the description of an answer that may also be a picture."""
    file = {"schema": {"type": "string", "format": "binary", "description": "The picture."}}
    return success | {
        "headers": success["headers"] | headers("X-Seed", "X-Model", "X-Model-Version"),
        "content": success["content"] | {PNG: file},
    }


def _words(documented: type[TridentError]) -> str:
    """Return a class's docstring in one line."""
    return " ".join((documented.__doc__ or "").split())
