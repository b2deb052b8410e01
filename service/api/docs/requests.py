"""What the endpoints' request bodies look like, for the OpenAPI document."""

import base64
from pathlib import Path
from typing import Any, Final

from service.api.reading.forms import read_images, read_texts
from service.api.trident.answers import ImageRequest, TextRequest

Json = dict[str, Any]

_EXAMPLE_IMAGE: Final = Path(__file__).parent / "static" / "seven.png"
_FILE: Final = {"type": "string", "format": "binary"}
_EXAMPLE_FILE: Final = {
    "seven": {"summary": "A digit", "externalValue": f"docs/{_EXAMPLE_IMAGE.name}"}
}
_PLAIN_TEXT: Final = {
    "type": "string",
    "minLength": 1,
    "description": "In the charset that the Content-Type declares, else in UTF-8.",
}


def request_bodies(*, max_inputs: int, max_body_bytes: int, max_pixels: int) -> dict[Any, Json]:
    """Return the OpenAPI request body of each reader of `service.api.reading.forms`."""
    limits = (
        f"At most {max_inputs} in a request, {max_body_bytes:,} bytes in all. The body may be "
        "compressed, if Content-Encoding says so: gzip or deflate."
    )
    return {
        read_images: {
            "required": True,
            "description": f"Images of up to {max_pixels:,} pixels. {limits}",
            "content": {
                "multipart/form-data": {"schema": _form(max_inputs)},
                "image/*": {"schema": _FILE, "examples": _EXAMPLE_FILE},
                "application/json": _image_json(max_inputs),
            },
        },
        read_texts: {
            "required": True,
            "description": f"Texts. {limits}",
            "content": {
                "text/plain": {
                    "schema": _PLAIN_TEXT,
                    "examples": {"one": {"summary": "A text", "value": _example("text")}},
                },
                "application/json": _text_json(max_inputs),
            },
        },
    }


def _form(max_inputs: int) -> Json:
    files = {"type": "array", "items": _FILE, "minItems": 1, "maxItems": max_inputs}
    one = "Image files. One alone is answered by an object, several by a list."
    several = "Image files that are answered by a list, also if there is only one."
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
    fields = ImageRequest.model_fields
    coded = base64.b64encode(_EXAMPLE_IMAGE.read_bytes()).decode()
    file = {"type": "string", "contentEncoding": "base64"}
    return _one_or_several(
        {
            "image": file
            | {"description": f"{fields['image'].description} In base64, or as a data: URL."}
        },
        {"images": _list(file, max_inputs, fields["images"].description)},
        {"image": coded},
        {"images": [coded, coded]},
    )


def _text_json(max_inputs: int) -> Json:
    fields = TextRequest.model_fields
    text = {"type": "string"}
    return _one_or_several(
        {"text": text | {"description": fields["text"].description}},
        {"texts": _list(text, max_inputs, fields["texts"].description)},
        {"text": _example("text")},
        {"texts": _example("texts")},
    )


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


def _list(item: Json, max_inputs: int, description: str | None) -> Json:
    return {
        "type": "array",
        "items": item,
        "minItems": 1,
        "maxItems": max_inputs,
        "description": description,
    }


def _example(field: str) -> Any:
    """Return the first example of a field of `TextRequest`."""
    examples = TextRequest.model_fields[field].examples
    return examples[0] if examples else None
