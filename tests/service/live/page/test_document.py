"""The OpenAPI document is complete, and matches what the service answers."""

import base64
import socket
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from jsonschema import Draft202012Validator

from service import __version__
from service.admission import Account
from service.api.docs.responses import ADMINISTRATIVE
from service.api.endpoints import ENDPOINTS
from service.api.problems import STATUS
from service.api.trident.http import HttpAdapter
from service.errors import (
    AbandonedError,
    MethodNotAllowedError,
    OverloadedError,
    TridentError,
    UnknownPathError,
)
from service.transport.http1.request import HttpRequest
from tests.service.live.answers import base64_text
from tests.service.live.conftest import MAX_BODY_BYTES, MAX_INPUTS, MAX_PIXELS
from tests.service.transport.http1.wire import read_answer

Json = dict[str, Any]

PATHS = [endpoint.path for endpoint in ENDPOINTS]
IMAGE_PATHS, TEXT_PATHS, SAMPLE_PATHS = ("/classify", "/embed"), ("/sentiment",), ("/generate",)
FORM = "application/x-www-form-urlencoded"


def parts(node: Any, place: str = "") -> Iterator[tuple[str, Any]]:
    """Yield every part of a document, with its place."""
    yield place, node
    if isinstance(node, dict | list):
        items = node.items() if isinstance(node, dict) else enumerate(node)
        for key, part in items:
            yield from parts(part, f"{place}/{key}")


def resolve(document: Json, part: Json) -> Json:
    """Return a part, or what it refers to."""
    found: Any = document if "$ref" in part else part
    for key in part.get("$ref", "#").removeprefix("#").split("/")[1:]:
        found = found[key]
    assert isinstance(found, dict)
    return found


def validator(document: Json, schema: Json) -> Draft202012Validator:
    """Return a validator for one of the document's schemas."""
    return Draft202012Validator(schema | {"components": document["components"]})


def check(document: Json, path: str, answer: httpx.Response, method: str = "") -> None:
    """Check that an answer is one of those that the document lists for a path."""
    operations = document["paths"][path]
    operation = operations[method or next(iter(operations))]
    promised = resolve(document, operation["responses"][str(answer.status_code)])
    content_type = answer.headers["content-type"].partition(";")[0]
    schema = promised["content"][content_type]["schema"]
    value = answer.json() if content_type.endswith("json") else answer.text
    validator(document, schema).validate(value)
    for name, header in promised.get("headers", {}).items():
        assert answer.headers.get(name) or not resolve(document, header).get("required", True)


def operations(document: Json) -> list[Json]:
    return [operation for methods in document["paths"].values() for operation in methods.values()]


def test_it_is_the_services_own(document: Json) -> None:
    info = document["info"]
    assert (document["openapi"], info["title"], info["version"]) == (
        "3.1.0",
        "Trident",
        __version__,
    )
    assert "contact" not in info
    assert document["paths"].keys() == {
        *PATHS,
        *("/models", "/models/{name}", "/models/{name}/versions/{number}"),
        *("/models/{name}/labels/{label}", "/models/reload"),
        *("/livez", "/readyz", "/metrics", "/docs.json", "/schema.json"),
    }


def test_every_operation_is_described(document: Json) -> None:
    tags = {tag["name"] for tag in document["tags"]}
    names = [operation["operationId"] for operation in operations(document)]
    assert len(set(names)) == len(names)
    for operation in operations(document):
        assert operation["summary"]
        assert set(operation["tags"]) <= tags
        for parameter in operation.get("parameters", []):
            resolved = resolve(document, parameter)
            assert resolved.keys() - {"required"} == {"name", "in", "description", "schema"}
            assert resolved.get("required", False) == (resolved["in"] == "path")
        for response in operation["responses"].values():
            assert resolve(document, response)["description"]
    for schema in document["components"]["schemas"].values():
        assert all(field["description"] for field in schema["properties"].values())


def test_every_reference_leads_somewhere_and_every_component_is_used(document: Json) -> None:
    references = {part["$ref"] for _, part in parts(document) if _is_reference(part)}
    assert all(resolve(document, {"$ref": reference}) for reference in references)
    assert references == {
        f"#/components/{kind}/{name}"
        for kind, components in document["components"].items()
        for name in components
        if kind != "securitySchemes"
    }


def _is_reference(part: Any) -> bool:
    return isinstance(part, dict) and "$ref" in part


def test_every_schema_is_one(document: Json) -> None:
    schemas = [part for place, part in parts(document) if place.endswith("/schema")]
    assert len(schemas) > 20
    for schema in [*schemas, *document["components"]["schemas"].values()]:
        Draft202012Validator.check_schema(schema)


def test_every_example_is_as_its_schema_says(document: Json) -> None:
    media = [
        part
        for place, part in parts(document)
        if isinstance(part, dict) and "schema" in part and "examples" in part
    ]
    assert len(media) > 15
    for medium in media:
        for example in medium["examples"].values():
            if "value" in example:
                validator(document, medium["schema"]).validate(example["value"])


@pytest.mark.parametrize("path", PATHS)
def test_every_example_of_a_request_is_answered(
    document: Json, http: httpx.Client, path: str
) -> None:
    content = document["paths"][path]["post"]["requestBody"]["content"]
    sent = 0
    for content_type, medium in content.items():
        for example in medium.get("examples", {}).values():
            answer = _post(http, path, content_type, example)
            assert answer.status_code == 200, answer.text
            check(document, path, answer)
            sent += 1
    assert sent == (1 if path in SAMPLE_PATHS else 3)


def _post(http: httpx.Client, path: str, content_type: str, example: Json) -> httpx.Response:
    if content_type == "application/json":
        return http.post(path, json=example["value"])
    if "externalValue" in example:
        content = http.get(f"/{example['externalValue']}").raise_for_status().content
    else:
        content = example["value"].encode()
    return http.post(path, content=content, headers={"content-type": content_type})


@pytest.mark.parametrize("path", IMAGE_PATHS)
def test_what_images_are_answered_is_documented(
    document: Json, http: httpx.Client, seven: bytes, path: str
) -> None:
    coded = base64_text(seven)
    requests: list[Json] = [
        {"files": {"image": seven}},
        {"files": {"image": b"no image"}},
        {"files": [("image", seven), ("image", b"no image")]},
        {"files": [("images", seven)]},
        {"files": [("image", seven), ("images", seven)]},
        {"files": {"picture": seven}},
        {"json": {"image": coded}},
        {"json": {"images": [coded, "aGVsbG8=", 5]}},
        {"json": {"images": [coded] * MAX_INPUTS}},
        {"json": {"images": [coded] * (MAX_INPUTS + 1)}},
        {"content": seven, "headers": {"content-type": "image/png"}},
        {"content": seven, "headers": {"content-type": FORM}},
        {"content": bytes(MAX_BODY_BYTES + 1), "headers": {"content-type": "image/png"}},
    ]
    statuses = {answer.status_code for answer in _answers(document, http, path, requests)}
    assert statuses == {200, 400, 404, 413, 415, 422}


@pytest.mark.parametrize("path", TEXT_PATHS)
def test_what_texts_are_answered_is_documented(
    document: Json, http: httpx.Client, path: str
) -> None:
    requests: list[Json] = [
        {"json": {"text": "Dull."}},
        {"json": {"texts": ["Dull.", 5]}},
        {"json": {"texts": ["Dull."] * MAX_INPUTS}},
        {"json": {"texts": ["Dull."] * (MAX_INPUTS + 1)}},
        {"json": {"text": 5}},
        {"content": b"Dull.", "headers": {"content-type": "text/plain"}},
        {"content": b"\xff\xfe\xfd", "headers": {"content-type": "text/plain; charset=utf-8"}},
        {"content": b"text=Dull", "headers": {"content-type": FORM}},
    ]
    statuses = {answer.status_code for answer in _answers(document, http, path, requests)}
    assert statuses == {200, 400, 404, 413, 415, 422}


@pytest.mark.parametrize("path", SAMPLE_PATHS)
def test_what_samples_are_answered_is_documented(
    document: Json, http: httpx.Client, path: str
) -> None:
    requests: list[Json] = [
        {},
        {"json": {"label": "7"}},
        {"json": {"label": 7, "seed": 1}},
        {"data": {"label": "7", "count": MAX_INPUTS}},
        {"data": {"count": MAX_INPUTS + 1}},
        {"data": {"label": "seven"}},
        {"files": {"label": b"7"}},
        {"headers": {"accept": "image/png"}},
        {"data": {"count": 4}, "headers": {"accept": "image/png"}},
    ]
    answers = list(_answers(document, http, path, requests))
    assert {answer.status_code for answer in answers} == {200, 400, 404, 413, 415}
    types = {answer.headers["content-type"] for answer in answers if answer.status_code == 200}
    assert types == {"application/json", "image/png"}


def _answers(
    document: Json, http: httpx.Client, path: str, requests: list[Json]
) -> Iterator[httpx.Response]:
    for arguments in [*requests, requests[0] | {"params": {"model": "nobody"}}]:
        answer = http.post(path, **arguments)
        check(document, path, answer)
        yield answer


@pytest.mark.parametrize("path", ["/livez", "/readyz", "/metrics", "/docs.json", "/schema.json"])
def test_what_an_operation_answers_is_documented(
    document: Json, http: httpx.Client, path: str
) -> None:
    check(document, path, http.get(path))


MODELS = ["digits", "embedding", "generator", "sentiment", "sketch", "tint", "nobody"]


@pytest.mark.parametrize("model", MODELS)
def test_what_is_told_of_a_model_is_documented(
    document: Json, http: httpx.Client, model: str
) -> None:
    check(document, "/models", http.get("/models"))
    check(document, "/models/{name}", http.get(f"/models/{model}"), "get")


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize(
    ("path", "documented"),
    [
        ("/models/{}", "/models/{name}"),
        ("/models/{}/versions/1", "/models/{name}/versions/{number}"),
        ("/models/{}/labels/stable", "/models/{name}/labels/{label}"),
    ],
)
def test_what_a_model_answers_by_its_name_is_documented(
    document: Json, http: httpx.Client, seven: bytes, model: str, path: str, documented: str
) -> None:
    requests: list[Json] = [
        {"files": {"image": seven}},
        {"files": [("image", seven), ("image", b"no image")]},
        {"json": {"text": "Dull."}},
        {"json": {"texts": ["Dull.", 5]}},
        {"content": b"Dull.", "headers": {"content-type": FORM}},
    ]
    for arguments in requests:
        check(document, documented, http.post(path.format(model), **arguments), "post")


def test_a_call_without_the_key_is_documented(document: Json, http: httpx.Client) -> None:
    """The shared server has none, so the administration is off."""
    label = "/models/{name}/labels/{label}"
    check(document, "/models/reload", http.post("/models/reload"), "post")
    for method in ("put", "delete"):
        answer = http.request(method, "/models/digits/labels/stable")
        assert answer.status_code == 403
        check(document, label, answer, method)


class FailingEngine:
    """An engine that answers nothing but an error."""

    def __init__(self, error: Exception) -> None:
        self.account = Account(1_000_000)
        self._error = error

    async def predict(self, *_: object, **__: object) -> None:
        raise self._error


def _error(kind: type[TridentError]) -> TridentError:
    return kind("Why.", reason="queue", retry_after=3) if kind is OverloadedError else kind("Why.")


async def test_the_documented_failures_are_those_that_can_be_met(document: Json) -> None:
    """The adapter's answer to each error that the engine can raise."""
    unseen = (AbandonedError, MethodNotAllowedError, UnknownPathError, *ADMINISTRATIVE)
    errors: list[Exception] = [_error(kind) for kind in STATUS if kind not in unseen]
    met = set()
    for error in [*errors, RuntimeError("a defect")]:
        engine: Any = FailingEngine(error)
        adapter = HttpAdapter(engine, max_inputs=1, max_body_bytes=1000, request_timeout=9)
        headers = {"content-type": "text/plain"}
        request = HttpRequest("/sentiment", headers, {}, _receive, cancelled_when_gone=True)
        answer = await adapter.answer(request)
        for path in PATHS:
            received = httpx.Response(answer.status, headers=answer.headers, content=answer.body)
            check(document, path, received)
        met.add(str(answer.status))
    for path in PATHS:
        assert document["paths"][path]["post"]["responses"].keys() == met | {"200"}


async def _receive() -> Json:
    return {"type": "http.request", "body": b"Dull.", "more_body": False}


REFUSED = {
    400: b"POST /sentiment HTTP/1.1\r\n\r\n",
    414: b"POST /sentiment?%s HTTP/1.1\r\nHost: a\r\n\r\n" % (b"a" * 70_000),
    431: b"POST /sentiment HTTP/1.1\r\nHost: a\r\nA: %s\r\n\r\n" % (b"a" * 70_000),
    501: b"POST /sentiment HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n",
    505: b"POST /sentiment HTTP/2.0\r\nHost: a\r\n\r\n",
}


@pytest.mark.parametrize("status", REFUSED)
def test_what_a_connection_refuses_is_documented(
    document: Json, wire: socket.socket, status: int
) -> None:
    """Before there is a request that an endpoint could read."""
    wire.sendall(REFUSED[status])
    answer = read_answer(wire)
    headers = list(answer.headers.items())
    received = httpx.Response(answer.status, headers=headers, content=answer.body)
    assert received.status_code == status
    check(document, "/sentiment", received)


def test_it_tells_the_limits(document: Json) -> None:
    for path in PATHS:
        body = document["paths"][path]["post"]["requestBody"]
        assert f"{MAX_INPUTS} in a request" in body["description"]
        if path in SAMPLE_PATHS:
            counts = [part for place, part in parts(body) if place.endswith("properties/count")]
            assert {count["maximum"] for count in counts} == {MAX_INPUTS}
            continue
        assert f"{MAX_BODY_BYTES:,} bytes" in body["description"]
        lists = [part for _, part in parts(body) if isinstance(part, dict) and "maxItems" in part]
        assert {part["maxItems"] for part in lists} == {MAX_INPUTS}
        assert (f"{MAX_PIXELS:,} pixels" in body["description"]) == (path in IMAGE_PATHS)


def test_only_documented_content_types_are_taken(document: Json, http: httpx.Client) -> None:
    everything = {"image/png", "text/plain", "application/json", "multipart/form-data", FORM}
    everything |= {"application/octet-stream", "text/html", "application/xml"}
    for path in PATHS:
        documented = document["paths"][path]["post"]["requestBody"]["content"].keys()
        taken = {t for t in everything if _is_taken(http, path, t)}
        assert {"image/*" if t == "image/png" else t for t in taken} == documented


def _is_taken(http: httpx.Client, path: str, content_type: str) -> bool:
    headers = {"content-type": content_type}
    return http.post(path, content=b"anything", headers=headers).status_code != 415


def test_an_image_in_json_is_the_example_file(document: Json, http: httpx.Client) -> None:
    content = document["paths"]["/classify"]["post"]["requestBody"]["content"]
    (file,) = content["image/*"]["examples"].values()
    coded = content["application/json"]["examples"]["one"]["value"]["image"]
    assert base64.b64decode(coded) == http.get(f"/{file['externalValue']}").content


def test_nobody_frames_the_page_and_a_head_request_is_answered(http: httpx.Client) -> None:
    answer = http.head("/")
    assert answer.status_code == 200
    assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]
