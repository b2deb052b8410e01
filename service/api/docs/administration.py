"""The paths of the administration, for the OpenAPI document."""

from typing import Any, Final

from service.api.docs.references import reference
from service.api.docs.responses import headers, problem_references
from service.api.trident.administration import LabelPlace
from service.api.trident.models import ModelDescription, ModelList

Json = dict[str, Any]

KEY: Final = "key"
"""The name of the security scheme."""

_EXAMPLES: Final = {
    "stable": {"summary": "Promote, or roll back", "value": {"version": 1}},
    "canary": {"summary": "A canary with its share", "value": {"version": 1, "share": 0.05}},
}


def administration_paths(paths: Json) -> Json:
    """Return these paths, and those of the administration, some of which are among them."""
    own = {"/models/reload": {"post": _reload()}, "/models/{name}/labels/{label}": _labels()}
    return paths | {path: paths.get(path, {}) | methods for path, methods in own.items()}


def _reload() -> Json:
    return _operation(
        "reload", "Read the folder of models again now", ModelList.__name__, 401, 403, 500, 503, 504
    )


def _labels() -> Json:
    statuses = (400, 401, 403, 404, 409, 413, 500, 503, 504)
    name = ModelDescription.__name__
    place = {"schema": reference("schemas", LabelPlace.__name__), "examples": _EXAMPLES}
    parameters = [reference("parameters", parameter) for parameter in ("name", "place")]
    put = _operation("put_label", "Move a version label of a model", name, *statuses)
    delete = _operation("delete_label", "Remove a version label of a model", name, *statuses)
    body = {
        "required": True,
        "description": "Where the label shall be. The answer comes when it is there.",
        "content": {"application/json": place},
    }
    return {
        "put": put | {"parameters": parameters, "requestBody": body},
        "delete": delete | {"parameters": parameters},
    }


def _operation(name: str, summary: str, schema: str, *statuses: int) -> Json:
    success = {
        "description": "What is served now.",
        "headers": headers("X-Request-ID"),
        "content": {"application/json": {"schema": reference("schemas", schema)}},
    }
    return {
        "operationId": name,
        "tags": ["Administration"],
        "summary": summary,
        "security": [{KEY: []}],
        "responses": {"200": success} | problem_references(*statuses),
    }
