"""What the endpoints' request bodies look like, for the OpenAPI document."""

import base64
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from service.api.reading.forms import READERS
from service.api.reading.samples import FORM, MOST_SAMPLES, SAMPLE_WORDS
from service.tasks.image_generation import MOST_SEED
from service.tasks.kinds import Input

Json = dict[str, Any]

_EXAMPLE_IMAGE: Final = Path(__file__).parent / "static" / "seven.png"
_FILE: Final = {"type": "string", "format": "binary"}
_EXAMPLE_FILE: Final = {
    "seven": {"summary": "A digit", "externalValue": f"docs/{_EXAMPLE_IMAGE.name}"}
}
_PLAIN_TEXT: Final = {
    "type": "string",
    "minLength": 1,
    "description": "In the charset that the Content-Type declares; UTF-8 if it declares none.",
}


def request_bodies(*, max_inputs: int, max_body_bytes: int, max_pixels: int) -> dict[Input, Json]:
    """Return the OpenAPI request body for each kind of inputs."""
    limits = (
        f"At most {max_inputs} in a request, {max_body_bytes:,} bytes in all. The body may be "
        "compressed, if Content-Encoding says so: gzip or deflate."
    )
    return {
        "image": {
            "required": True,
            "description": f"Images of up to {max_pixels:,} pixels. {limits}",
            "content": {
                "multipart/form-data": {"schema": _form(max_inputs)},
                "image/*": {"schema": _FILE, "examples": _EXAMPLE_FILE},
                "application/json": _image_json(max_inputs),
            },
        },
        "sample": {
            "required": False,
            "description": f"{READERS['sample'].one} At most {_most_samples(max_inputs)} in a "
            "request. Without a body, the fields may be in the URL: ?label=7. If the header Accept "
            "asks for image/png, the answer is the image, or a sheet of all.",
            "content": {
                FORM: {"schema": _sample_fields({"type": "string"}, max_inputs)},
                "application/json": _sample_json(max_inputs),
            },
        },
        "tensors": {
            "required": True,
            "description": f"Arrays. At most {max_body_bytes:,} bytes.",
            "content": {"application/json": _tensor_json()},
        },
        "text": {
            "required": True,
            "description": f"Texts. {limits}",
            "content": {
                "text/plain": {
                    "schema": _PLAIN_TEXT,
                    "examples": {
                        "one": {"summary": "A text", "value": READERS["text"].examples[0]}
                    },
                },
                "application/json": _text_json(max_inputs),
            },
        },
    }


def any_request_body(bodies: Mapping[Input, Json]) -> Json:
    """Return the request body of a path whose model may be of any of several kinds."""
    content: Json = {}
    for kind, body in bodies.items():
        for content_type, media in body["content"].items():
            content.setdefault(content_type, []).append((kind, media))
    return {
        "required": all(body["required"] for body in bodies.values()),
        "description": "What the model takes. "
        + " ".join(body["description"] for body in bodies.values()),
        "content": {name: _either(media) for name, media in content.items()},
    }


def _either(media: Sequence[tuple[Input, Json]]) -> Json:
    """Return the content of one media type that several kinds of models accept."""
    if len(media) == 1:
        return media[0][1]
    schemas = [schema for _, one in media for schema in one["schema"]["oneOf"]]
    examples = {
        f"{kind}_{name}": example | {"summary": f"{example['summary']}: {kind}"}
        for kind, one in media
        for name, example in one["examples"].items()
    }
    return {"schema": {"oneOf": schemas}, "examples": examples}


def _form(max_inputs: int) -> Json:
    files = {"type": "array", "items": _FILE, "minItems": 1, "maxItems": max_inputs}
    one = "Image files. The answer to one is an object, to several a list."
    several = "Image files. The answer is a list, even for only one."
    return {
        "type": "object",
        "properties": {
            "image": files | {"description": one},
            "images": files | {"description": several},
        },
        "anyOf": [{"required": ["image"]}, {"required": ["images"]}],
        "additionalProperties": False,
    }


def _image_json(max_inputs: int) -> Json:
    images = READERS["image"]
    coded = base64.b64encode(_EXAMPLE_IMAGE.read_bytes()).decode()
    file = {"type": "string", "contentEncoding": "base64"}
    return _one_or_several(
        {"image": file | {"description": f"{images.one} In base64, or as a data: URL."}},
        {"images": _list(file, max_inputs, images.several)},
        {"image": coded},
        {"images": [coded, coded]},
    )


def _text_json(max_inputs: int) -> Json:
    texts = READERS["text"]
    text = {"type": "string"}
    return _one_or_several(
        {"text": text | {"description": texts.one}},
        {"texts": _list(text, max_inputs, texts.several)},
        {"text": texts.examples[0]},
        {"texts": list(texts.examples[1:])},
    )


def _tensor_json() -> Json:
    arrays = {
        "type": "object",
        "description": f"{READERS['tensors'].one} A list of examples for each, or one example.",
    }
    example = {"inputs": {"x": [[0.5, 1.5], [2.5, 3.5]]}}
    return {
        "schema": {"oneOf": [_object("Arrays", {"inputs": arrays})]},
        "examples": {"one": {"summary": "Arrays, in JSON", "value": example}},
    }


def _sample_json(max_inputs: int) -> Json:
    names_or_numbers = {"oneOf": [{"type": "string"}, {"type": "integer", "minimum": 0}]}
    example = {"label": "7", "count": 4, "seed": 42}
    return {
        "schema": {"oneOf": [_sample_fields(names_or_numbers, max_inputs)]},
        "examples": {"several": {"summary": "In JSON", "value": example}},
    }


def _sample_fields(label: Json, max_inputs: int) -> Json:
    fields = {
        "label": label,
        "count": {"type": "integer", "minimum": 1, "maximum": _most_samples(max_inputs)},
        "seed": {"type": "integer", "minimum": 0, "maximum": MOST_SEED},
    }
    described = {
        name: field | {"description": SAMPLE_WORDS[name]} for name, field in fields.items()
    }
    return _object("Samples", described) | {"required": []}


def _most_samples(max_inputs: int) -> int:
    return min(MOST_SAMPLES, max_inputs)


def _one_or_several(one: Json, several: Json, one_example: Json, several_example: Json) -> Json:
    return {
        "schema": {"oneOf": [_object("One", one), _object("Several", several)]},
        "examples": {
            "one": {"summary": "One, in JSON", "value": one_example},
            "several": {"summary": "Several, in JSON", "value": several_example},
        },
    }


def _object(title: str, properties: Json) -> Json:
    return {
        "type": "object",
        "title": title,
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


def _list(item: Json, max_inputs: int, description: str) -> Json:
    return {
        "type": "array",
        "items": item,
        "minItems": 1,
        "maxItems": max_inputs,
        "description": description,
    }
