"""The OpenAPI document, made from the tables that the service itself uses."""

import inspect
from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from service import __version__
from service.api.docs.administration import KEY, administration_paths
from service.api.docs.paths import PARAMETERS, all_paths
from service.api.docs.responses import ANSWERS, HEADERS, problem_name, problem_response, statuses
from service.api.problems import Problem
from service.api.trident.administration import LabelPlace
from service.api.trident.models import ModelDescription, ModelList
from service.tasks.kinds import Input

Json = dict[str, Any]


def openapi_document(description: str, bodies: Mapping[Input, Json]) -> Json:
    """Return the OpenAPI 3.1 document of a service that reads these `request_bodies`."""
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
            {"name": "Endpoints", "description": "Answers of the default models."},
            {"name": "Models", "description": "Every model, by its name."},
            {"name": "Administration", "description": "For those who have the service's key."},
            {"name": "Operations", "description": "For those who run the service."},
        ],
        "paths": administration_paths(all_paths(bodies)),
        "components": {
            "schemas": _schemas(),
            "parameters": {name: {"name": name} | rest for name, rest in PARAMETERS.items()},
            "headers": HEADERS,
            "securitySchemes": {
                KEY: {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "A key with the right that the call needs.",
                }
            },
            "responses": {problem_name(status): problem_response(status) for status in statuses()},
        },
    }


def _schemas() -> Json:
    models: list[type[BaseModel]] = [
        *ANSWERS.values(),
        Problem,
        ModelList,
        ModelDescription,
        LabelPlace,
    ]
    _, schemas = models_json_schema(
        [(model, "serialization") for model in models],
        ref_template="#/components/schemas/{model}",
    )
    definitions: Json = schemas["$defs"]
    return definitions
