"""The ingress and BentoML's own stack give the same answers."""

import importlib.metadata
from collections.abc import Iterator
from typing import Any

import bentoml
import httpx
import pytest
import uvicorn
from uvicorn.loops import auto as loops
from uvicorn.protocols.http import auto as protocols

from service.api.problems import problem_response
from service.bento.ingress import behind_ingress
from service.transport.http1.accepting import SharingLoop
from service.transport.http1.connection import HttpConnection
from service.transport.http1.server import DrainingServer, StopPlan
from service.transport.http1.server_context import ServerContext
from service.transport.pace import TimeLimits
from tests.service.live.answers import base64_text, same
from tests.service.live.conftest import MAX_BODY_BYTES, MAX_INPUTS, MAX_PIXELS
from tests.service.live_server import LiveServer

Arguments = dict[str, Any]

# The classes that replace uvicorn's own.
SEAM: tuple[tuple[Any, str], ...] = (
    (uvicorn, "Server"),
    (protocols, "AutoHTTPProtocol"),
    (loops, "auto_loop_factory"),
)


@pytest.fixture(scope="module")
def stock_door(all_models: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    """A client of a server whose ingress is switched off."""
    limits = {
        "max_inputs": MAX_INPUTS,
        "max_body_bytes": MAX_BODY_BYTES,
        "max_pixels": MAX_PIXELS,
        "ingress": False,
    }
    folder = tmp_path_factory.mktemp("stock-door")
    with (
        LiveServer(folder, all_models, **limits) as live,
        httpx.Client(base_url=live.wait_until_ready().url, timeout=60) as client,
    ):
        yield client


def typed(content_type: str | None, content: bytes) -> Arguments:
    return {"content": content, "headers": {"content-type": content_type} if content_type else {}}


def image_requests(good: bytes) -> dict[str, Arguments]:
    coded = base64_text(good)
    return {
        "raw": typed("image/png", good),
        "raw large": typed("image/bmp", large_bitmap()),
        "multipart one": {"files": {"image": good}},
        "multipart several": {"files": [("image", good), ("image", good)]},
        "multipart list": {"files": [("images", good)]},
        "json one": {"json": {"image": coded}},
        "json several, one bad": {"json": {"images": [coded, "@@", "aGVsbG8="]}},
        "model": typed("image/png", good) | {"params": {"model": "nobody"}},
        "version": typed("image/png", good) | {"params": {"version": "x"}},
        "version 1": typed("image/png", good) | {"params": {"version": "1"}},
        "empty": typed("image/png", b""),
        "not an image": typed("image/png", b"text"),
        "truncated": typed("image/png", good[:-40]),
        "wrong type": typed("application/pdf", good),
        "no type": typed(None, good),
        "bad json": typed("application/json", b"{"),
        "wrong fields": {"json": {"picture": coded}},
        "wrong form field": {"files": {"picture": good}},
        "no boundary": typed("multipart/form-data", good),
        "too many": {"json": {"images": [coded] * (MAX_INPUTS + 1)}},
        "too large": typed("image/png", bytes(MAX_BODY_BYTES + 1)),
    }


TEXT_REQUESTS: dict[str, Arguments] = {
    "plain": typed("text/plain", "Ein schöner Film.".encode()),
    "json one": {"json": {"text": "A wonderful film."}},
    "json several, one bad": {"json": {"texts": ["good", "", 5]}},
    "long": typed("text/plain", b"word " * 20_000),
    "empty": typed("text/plain", b""),
    "latin-1": typed("text/plain", b"caf\xe9"),
    "form": typed("application/x-www-form-urlencoded", b"text=good"),
}


def large_bitmap() -> bytes:
    """A picture whose file is too large to be complete before its request begins."""
    header = b"BM" + (54 + 300 * 300 * 3).to_bytes(4, "little") + bytes(4) + b"\x36\0\0\0"
    sizes = b"\x28\0\0\0" + (300).to_bytes(4, "little") * 2 + b"\x01\0\x18\0" + bytes(24)
    rows = bytearray(b"\xff" * (300 * 300 * 3))
    rows[300 * 900 // 3 : 300 * 900 // 3 + 45_000] = bytes(45_000)
    return header + sizes + bytes(rows)


def assert_same_answer(one: httpx.Response, other: httpx.Response) -> None:
    assert one.status_code == other.status_code
    assert one.headers["content-type"] == other.headers["content-type"]
    assert same(one.json(), other.json()), (one.text, other.text)
    for header in ("x-request-id", "server-timing", "retry-after"):
        assert (header in one.headers) == (header in other.headers)


@pytest.mark.parametrize(
    "path", ["/classify", "/embed", "/models/digits", "/models/tint/versions/1", "/models/nobody"]
)
def test_images_are_answered_the_same_by_both_doors(
    http: httpx.Client, stock_door: httpx.Client, seven: bytes, path: str
) -> None:
    for arguments in image_requests(seven).values():
        fronted, stock = http.post(path, **arguments), stock_door.post(path, **arguments)
        assert_same_answer(fronted, stock)


@pytest.mark.parametrize(
    "arguments",
    [
        {"params": {"seed": 5}},
        {"params": {"label": "7", "seed": 5, "count": 3}},
        {"json": {"label": 7, "seed": 5}},
        {"data": {"label": "seven"}},
        {"json": {"count": 2}, "params": {"label": "7"}},
    ],
)
def test_samples_are_answered_the_same_by_both_doors(
    http: httpx.Client, stock_door: httpx.Client, arguments: Arguments
) -> None:
    for path in ("/generate", "/models/sketch"):
        fronted, stock = http.post(path, **arguments), stock_door.post(path, **arguments)
        assert_same_answer(fronted, stock)
    headers = {"accept": "image/png"}
    fronted, stock = (
        door.post("/models/sketch", **arguments, headers=headers) for door in (http, stock_door)
    )
    assert fronted.content == stock.content
    for header in ("content-type", "x-seed", "x-model", "x-model-version"):
        assert fronted.headers.get(header) == stock.headers.get(header)


@pytest.mark.parametrize("name", TEXT_REQUESTS)
def test_texts_are_answered_the_same_by_both_doors(
    http: httpx.Client, stock_door: httpx.Client, name: str
) -> None:
    arguments = TEXT_REQUESTS[name]
    fronted = http.post("/sentiment", **arguments)
    assert_same_answer(fronted, stock_door.post("/sentiment", **arguments))


def test_only_the_stock_door_goes_through_bentoml(
    http: httpx.Client, stock_door: httpx.Client, seven: bytes
) -> None:
    marker = "x-bentoml-request-id"
    arguments = typed("image/png", seven)
    assert marker not in http.post("/classify", **arguments).headers
    assert marker in stock_door.post("/classify", **arguments).headers


def test_everything_else_is_bentomls(http: httpx.Client) -> None:
    assert http.get("/classify").status_code == 405
    assert http.post("/nowhere").status_code == 404


@pytest.mark.parametrize("path", ["/", "/docs.json", "/docs/page.js"])
def test_the_api_page_is_the_same(http: httpx.Client, stock_door: httpx.Client, path: str) -> None:
    page, other = http.get(path).raise_for_status(), stock_door.get(path)
    assert page.content == other.content
    policy = "content-security-policy"
    assert page.headers[policy] == other.headers[policy]


@pytest.mark.parametrize("path", ["/readyz", "/schema.json"])
def test_what_bentoml_answers_is_the_same(
    http: httpx.Client, stock_door: httpx.Client, path: str
) -> None:
    assert http.get(path).raise_for_status().content == stock_door.get(path).content


def test_the_seam_holds_for_this_bentoml(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fails if the installed BentoML has changed these internals; they are those of 1.4.39."""
    assert importlib.metadata.version("bentoml").startswith("1.4.")
    for module, name in SEAM:
        monkeypatch.setattr(module, name, getattr(module, name))  # put back at the end
    context = ServerContext(TimeLimits(), problem_response)

    class Empty:
        pass

    front = behind_ingress(
        context,
        workers=2,
        plan=StopPlan(1.0, lambda: None, on_stop=lambda _: None),
        takes_connections=lambda: False,
        is_another_ready=lambda: True,
    )
    service: Any = bentoml.service(service_class=front)(Empty)
    config = uvicorn.Config(service.to_asgi(is_main=True))
    config.load()
    make_connection: Any = config.http_protocol_class
    assert (make_connection.func, make_connection.args) == (HttpConnection, (context,))
    loop: Any = config.get_loop_factory()
    assert issubclass(loop, SharingLoop)
    assert not loop.is_ready()
    assert loop.is_another_ready()
    assert isinstance(uvicorn.Server(config), DrainingServer)
