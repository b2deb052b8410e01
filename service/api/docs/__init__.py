"""The API page, and the OpenAPI document from which the browser makes it.

The page sends requests only to the service that it comes from: its Content-Security-Policy makes
sure of that.
"""

from pathlib import Path
from typing import Final

import orjson
from starlette.responses import Response
from starlette.routing import Route

from service.api.docs.document import openapi_document
from service.api.docs.requests import request_bodies

_STATIC: Final = Path(__file__).parent / "static"
_CONTENT_TYPES: Final = {
    ".css": "text/css",
    ".html": "text/html",
    ".js": "text/javascript",
    ".png": "image/png",
    ".svg": "image/svg+xml",
}
_HEADERS: Final = {
    "cache-control": "no-cache",
    "content-security-policy": (
        "default-src 'none'; connect-src 'self'; img-src 'self' blob:; script-src 'self'; "
        "style-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "referrer-policy": "no-referrer",
}


def docs_routes(
    description: str, *, max_inputs: int, max_body_bytes: int, max_pixels: int
) -> list[Route]:
    """Return the routes of the API page for a service with these limits."""
    bodies = request_bodies(
        max_inputs=max_inputs, max_body_bytes=max_body_bytes, max_pixels=max_pixels
    )
    document = orjson.dumps(openapi_document(description, bodies))
    return [
        _route("/docs.json", document, "application/json"),
        *(
            _route(_path(file.name), file.read_bytes(), _CONTENT_TYPES[file.suffix])
            for file in sorted(_STATIC.iterdir())
        ),
    ]


def _path(file: str) -> str:
    return "/" if file == "index.html" else f"/docs/{file}"


def _route(path: str, content: bytes, content_type: str) -> Route:
    response = Response(content, headers=_HEADERS, media_type=content_type)
    return Route(path, response, methods=["GET"])
