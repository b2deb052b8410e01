"""The OpenAPI document, made of the tables that the service answers by."""

import inspect
from typing import Any, Final

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from service import __version__
from service.api.problems import STATUS, problem_document
from service.api.trident.answers import (
    Answer,
    ClassificationAnswer,
    EmbeddingAnswer,
    Problem,
    SentimentAnswer,
)
from service.api.trident.http import ENDPOINTS
from service.errors import AbandonedError, OverloadedError, TridentError

Json = dict[str, Any]

_ANSWERS: Final[dict[str, type[Answer]]] = {
    "image_classification": ClassificationAnswer,
    "text_classification": SentimentAnswer,
    "image_embedding": EmbeddingAnswer,
}

_PARAMETERS: Final[dict[str, Json]] = {
    "model": {
        "in": "query",
        "description": "Name of the model that answers. Without it, the endpoint's default does.",
        "schema": {"type": "string"},
    },
    "version": {
        "in": "query",
        "description": "Version of the model. Without it, the newest answers.",
        "schema": {"type": "integer", "minimum": 1},
    },
    "X-Request-ID": {
        "in": "header",
        "description": "An id of yours for the request: up to 128 letters, digits and . _ : -",
        "schema": {"type": "string"},
    },
}

_HEADERS: Final[dict[str, Json]] = {
    "X-Request-ID": {
        "description": "The id that the request came with, or a new one.",
        "schema": {"type": "string"},
    },
    "Server-Timing": {
        "description": "Milliseconds spent on decoding, in the queue and in the model.",
        "schema": {"type": "string"},
    },
    "Retry-After": {
        "description": "Seconds to wait before the next try.",
        "schema": {"type": "integer", "minimum": 1},
    },
}

_TEXT, _JSON = "text/plain", "application/json"
_OPERATIONS: Final[dict[str, tuple[str, str, dict[str, str]]]] = {
    "/livez": ("Whether the process is alive", _TEXT, {"200": "It is."}),
    "/readyz": (
        "Whether the service answers",
        _TEXT,
        {"200": "Every model is loaded.", "503": "The service is starting or stopping."},
    ),
    "/metrics": ("What Prometheus reads", _TEXT, {"200": "The metrics."}),
    "/docs.json": ("This interface in OpenAPI", _JSON, {"200": "What this page is made of."}),
    "/schema.json": ("This interface for BentoML's client", _JSON, {"200": "The schema."}),
}


def openapi_document(description: str, bodies: dict[Any, Json]) -> Json:
    """Return the OpenAPI 3.1 document of a service that reads these `request_bodies`."""
    endpoints = {
        path: {"post": _endpoint(endpoint.name, _ANSWERS[endpoint.task], bodies[endpoint.read])}
        for path, endpoint in ENDPOINTS.items()
    }
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Trident",
            "version": __version__,
            "description": inspect.cleandoc(description),
            "license": {"name": "Apache 2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "."}],
        "tags": [
            {"name": "Endpoints", "description": "What the models answer."},
            {"name": "Operations", "description": "For those who run the service."},
        ],
        "paths": endpoints | {path: {"get": _operation(path)} for path in _OPERATIONS},
        "components": {
            "schemas": _schemas(),
            "parameters": {name: {"name": name} | rest for name, rest in _PARAMETERS.items()},
            "headers": _HEADERS,
            "responses": {_problem_name(status): _problems(status) for status in _statuses()},
        },
    }


def _endpoint(name: str, answer: type[Answer], body: Json) -> Json:
    problems = {str(s): _reference("responses", _problem_name(s)) for s in _statuses()}
    return {
        "operationId": name,
        "tags": ["Endpoints"],
        "summary": _words(answer).removesuffix("."),
        "parameters": [_reference("parameters", parameter) for parameter in _PARAMETERS],
        "requestBody": body,
        "responses": {"200": _success(answer)} | problems,
    }


def _operation(path: str) -> Json:
    summary, content_type, answers = _OPERATIONS[path]
    content = {content_type: {"schema": {} if content_type == _JSON else {"type": "string"}}}
    return {
        "operationId": path.strip("/").replace(".", "_"),
        "tags": ["Operations"],
        "summary": summary,
        "responses": {
            status: {"description": words, "content": content} for status, words in answers.items()
        },
    }


def _success(answer: type[Answer]) -> Json:
    one = _reference("schemas", answer.__name__)
    item = {"oneOf": [one, _reference("schemas", Problem.__name__)]}
    several = {"type": "array", "items": item}
    examples = _example(answer), [_example(answer), _example(Problem)]
    return {
        "description": "An object for one input, a list for several, in their order. An input of "
        "a list that fails has its problem there.",
        "headers": _headers("X-Request-ID", "Server-Timing"),
        "content": {
            _JSON: {
                "schema": {"oneOf": [one, several]},
                "examples": {
                    "one": {"summary": "One input", "value": examples[0]},
                    "several": {"summary": "Several, one with a problem", "value": examples[1]},
                },
            }
        },
    }


def _problems(status: int) -> Json:
    """Return the answer of a status, which can have several causes."""
    errors = [error for error, code in STATUS.items() if code == status]
    retry = ["Retry-After"] if OverloadedError in errors else []
    examples = {
        error.__name__: {
            "summary": error.title,
            "value": problem_document(error, _words(error)),
        }
        for error in errors
    }
    return {
        "description": " ".join(map(_words, errors)),
        "headers": _headers("X-Request-ID", *retry),
        "content": {
            "application/problem+json": {
                "schema": _reference("schemas", Problem.__name__),
                "examples": examples,
            }
        },
    }


def _statuses() -> list[int]:
    """Return the statuses of problems, but for the one that nobody is there to read."""
    return sorted({status for error, status in STATUS.items() if error is not AbandonedError})


def _problem_name(status: int) -> str:
    return f"Problem{status}"


def _schemas() -> Json:
    models: list[type[BaseModel]] = [*_ANSWERS.values(), Problem]
    _, schemas = models_json_schema(
        [(model, "serialization") for model in models],
        ref_template="#/components/schemas/{model}",
    )
    definitions: Json = schemas["$defs"]
    return definitions


def _example(model: type[BaseModel]) -> Json:
    """Return an object of the fields' first examples."""
    return {name: (field.examples or [None])[0] for name, field in model.model_fields.items()}


def _headers(*names: str) -> Json:
    return {name: _reference("headers", name) for name in names}


def _reference(kind: str, name: str) -> Json:
    return {"$ref": f"#/components/{kind}/{name}"}


def _words(documented: type[Answer | TridentError]) -> str:
    """Return a class's docstring in one line."""
    return " ".join((documented.__doc__ or "").split())
