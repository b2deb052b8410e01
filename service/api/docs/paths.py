"""The paths of the OpenAPI document: the table of endpoints, the models and operations."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from service.api.docs.references import reference
from service.api.docs.requests import any_request_body
from service.api.docs.responses import ANSWERS, answers, headers, problem_references
from service.api.endpoints import BY_NAME, ENDPOINTS, MOST_VERSION
from service.api.reading.forms import READERS
from service.api.trident.models import ModelDescription, ModelList
from service.tasks.kinds import KINDS, Input

Json = dict[str, Any]

PARAMETERS: Final[dict[str, Json]] = {
    "model": {
        "in": "query",
        "description": "Name of the model that answers. Default: the endpoint's default model.",
        "schema": {"type": "string"},
    },
    "version": {
        "in": "query",
        "description": "Version of the model. Default: the one that the model's version labels "
        "choose (stable, canary), else the newest.",
        "schema": {"type": "integer", "minimum": 1, "maximum": MOST_VERSION},
    },
    "label": {
        "in": "query",
        "description": "Version label of the model, for instance stable.",
        "schema": {"type": "string"},
    },
    "X-Canary-Key": {
        "in": "header",
        "description": "What decides whether a canary answers, for instance a user's id: the same "
        "key always gets the same version. Default: the request's id.",
        "schema": {"type": "string"},
    },
    "X-Request-ID": {
        "in": "header",
        "description": "Your own id for the request: up to 128 letters, digits and . _ : -",
        "schema": {"type": "string"},
    },
    "name": {
        "in": "path",
        "required": True,
        "description": "Name of the model, as GET /models lists it.",
        "schema": {"type": "string"},
    },
    "number": {
        "in": "path",
        "required": True,
        "description": "Version of the model.",
        "schema": {"type": "integer", "minimum": 1, "maximum": MOST_VERSION},
    },
    "place": {
        "name": "label",
        "in": "path",
        "required": True,
        "description": "Version label of the model.",
        "schema": {"type": "string", "examples": ["stable"]},
    },
}
"""The parameters by name, or by the name of their component."""

_NEEDS_A_KEY: Final = (401, 403)
"""The answers to callers who may not, if the service has keys."""
_HEALTH: Final = ("/livez", "/readyz")

_TEXT: Final = "text/plain"
_JSON: Final = "application/json"
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


def all_paths(bodies: Mapping[Input, Json]) -> Json:
    """Return every path with its operations. `bodies` are the requests, by kind of inputs."""
    endpoints = {
        endpoint.path: {
            "post": _post(
                endpoint.name,
                "Endpoints",
                endpoint.summary,
                parameters=_parameters(KINDS[endpoint.kind].input),
                body=bodies[KINDS[endpoint.kind].input],
                responses=answers([endpoint.kind]),
            )
        }
        for endpoint in ENDPOINTS
    }
    operations = {path: {"get": _operation(path)} for path in _OPERATIONS}
    return endpoints | _model_paths(bodies) | operations


def _parameters(inputs: Input) -> list[str]:
    """Return an endpoint's parameters, but those whose names its inputs take."""
    names = ("model", "version", "label", "X-Canary-Key", "X-Request-ID")
    return [name for name in names if name not in READERS[inputs].parameters]


def _model_paths(bodies: Mapping[Input, Json]) -> Json:
    body, responses = any_request_body(bodies), answers(ANSWERS)
    return {
        "/models": {
            "get": _get("models", "List the models.", ModelList.__name__),
        },
        "/models/{name}": {
            "get": _get("model", "Describe a model.", ModelDescription.__name__, "name"),
            "post": _post(
                BY_NAME,
                "Models",
                "Run a model on inputs of its task.",
                parameters=("name", "X-Canary-Key", "X-Request-ID"),
                body=body,
                responses=responses,
            ),
        },
        "/models/{name}/versions/{number}": {
            "post": _post(
                f"{BY_NAME}_version",
                "Models",
                "Run one version of a model.",
                parameters=("name", "number", "X-Request-ID"),
                body=body,
                responses=responses,
            )
        },
        "/models/{name}/labels/{label}": {
            "post": _post(
                f"{BY_NAME}_label",
                "Models",
                "Run the version of a model that has a label.",
                parameters=("name", "place", "X-Request-ID"),
                body=body,
                responses=responses,
            )
        },
    }


def _post(
    name: str,
    tag: str,
    summary: str,
    *,
    parameters: Sequence[str],
    body: Json,
    responses: Json,
) -> Json:
    return {
        "operationId": name,
        "tags": [tag],
        "summary": summary.removesuffix("."),
        "parameters": [reference("parameters", parameter) for parameter in parameters],
        "requestBody": body,
        "responses": responses,
    }


def _get(name: str, summary: str, schema: str, *parameters: str) -> Json:
    success = {
        "description": "What is served now.",
        "headers": headers("X-Request-ID"),
        "content": {_JSON: {"schema": reference("schemas", schema)}},
    }
    missing = problem_references(*_NEEDS_A_KEY, *((404, 500, 503) if parameters else (500, 503)))
    return {
        "operationId": name,
        "tags": ["Models"],
        "summary": summary.removesuffix("."),
        "parameters": [reference("parameters", parameter) for parameter in parameters],
        "responses": {"200": success} | missing,
    }


def _operation(path: str) -> Json:
    summary, content_type, responses = _OPERATIONS[path]
    content = {content_type: {"schema": {} if content_type == _JSON else {"type": "string"}}}
    return {
        "operationId": path.strip("/").replace(".", "_"),
        "tags": ["Operations"],
        "summary": summary,
        "responses": {
            status: {"description": words, "content": content}
            for status, words in responses.items()
        }
        | ({} if path in _HEALTH else problem_references(*_NEEDS_A_KEY)),
    }
