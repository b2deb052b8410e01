"""HTTP: each form of input, and what every answer looks like."""

import gzip
import http.client
import json
import re
import zlib
from base64 import encodebytes, urlsafe_b64encode
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from PIL import Image

from tests.service.demo_models import PURE_TINT, TINTS
from tests.service.drawings import encode
from tests.service.live.answers import base64_text, same
from tests.service.live_server import LiveServer

Arguments = dict[str, Any]

IMAGE_ENDPOINTS = ("/classify", "/embed")
FIELDS = {
    "/classify": {"label", "probability", "top", "model", "version"},
    "/sentiment": {"label", "score", "probabilities", "truncated", "model", "version"},
    "/embed": {"embedding", "dimensions", "reconstruction_error", "model", "version"},
}
PRAISE, BLAME = "A wonderful film, I loved it.", "Dull and far too long."


def raw(data: bytes, content_type: str = "image/png") -> Arguments:
    return {"content": data, "headers": {"content-type": content_type}}


def compressed(data: bytes, encoding: str, content_type: str = "image/png") -> Arguments:
    compress = gzip.compress if encoding == "gzip" else zlib.compress
    headers = {"content-type": content_type, "content-encoding": encoding}
    return {"content": compress(data), "headers": headers}


ONE_IMAGE: dict[str, Callable[[bytes], Arguments]] = {
    "raw png": raw,
    "raw, any image type": lambda data: raw(data, "image/*"),
    "raw, type in capitals": lambda data: raw(data, "Image/PNG; name=a"),
    "multipart": lambda data: {"files": {"image": ("a.png", data, "image/png")}},
    "multipart without a type": lambda data: {"files": {"image": ("a", data, "")}},
    "json": lambda data: {"json": {"image": base64_text(data)}},
    "raw, gzip": lambda data: compressed(data, "gzip"),
    "raw, deflate": lambda data: compressed(data, "deflate"),
    "multipart with a type alone": lambda data: {"files": {"image": (None, data, "image/png")}},
    "multipart with an empty field": lambda data: {
        "files": [("image", ("a.png", data)), ("images", (None, "null"))]
    },
    "json, data: URL": lambda data: {
        "json": {"image": f"data:image/png;base64,{base64_text(data)}"}
    },
    "json, URL-safe and unpadded": lambda data: {
        "json": {"image": urlsafe_b64encode(data).decode().rstrip("=")}
    },
    "json, base64 in lines": lambda data: {"json": {"image": encodebytes(data).decode()}},
    "json with charset": lambda data: {
        "content": b'{"image": "%s"}' % base64_text(data).encode(),
        "headers": {"content-type": "application/json; charset=utf-8"},
    },
}
SEVERAL_IMAGES: dict[str, Callable[[list[bytes]], Arguments]] = {
    "multipart image": lambda files: {"files": [("image", ("a.png", d)) for d in files]},
    "multipart images": lambda files: {"files": [("images", ("a", d)) for d in files]},
    "json": lambda files: {"json": {"images": [base64_text(d) for d in files]}},
}
ONE_TEXT: dict[str, Callable[[str], Arguments]] = {
    "plain": lambda text: raw(text.encode(), "text/plain"),
    "plain with charset": lambda text: raw(text.encode(), "text/plain; charset=utf-8"),
    "plain in UTF-16": lambda text: raw(text.encode("utf-16"), "text/plain; charset=utf-16"),
    "plain, byte order mark": lambda text: raw(text.encode("utf-8-sig"), "text/plain"),
    "plain, gzip": lambda text: compressed(text.encode(), "gzip", "text/plain"),
    "json": lambda text: {"json": {"text": text}},
    "json with a null": lambda text: {"json": {"text": text, "texts": None}},
    "json, byte order mark": lambda text: raw(
        json.dumps({"text": text}).encode("utf-8-sig"), "application/json"
    ),
    "json, deflate": lambda text: compressed(
        json.dumps({"text": text}).encode(), "deflate", "application/json"
    ),
}


@pytest.fixture(scope="module")
def single(http: httpx.Client) -> Callable[[str, bytes], Any]:
    """What an endpoint answers to one raw image."""

    def post(path: str, data: bytes) -> Any:
        return http.post(path, **raw(data)).raise_for_status().json()

    return post


@pytest.mark.parametrize("path", IMAGE_ENDPOINTS)
@pytest.mark.parametrize("form", ONE_IMAGE)
def test_one_image_is_answered_by_one_object(
    http: httpx.Client, seven: bytes, single: Callable[[str, bytes], Any], path: str, form: str
) -> None:
    answer = http.post(path, **ONE_IMAGE[form](seven))
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "application/json"
    assert answer.json().keys() == FIELDS[path]
    assert same(answer.json(), single(path, seven))


@pytest.mark.parametrize("path", IMAGE_ENDPOINTS)
@pytest.mark.parametrize("form", SEVERAL_IMAGES)
def test_several_images_are_answered_by_a_list_in_their_order(
    http: httpx.Client,
    seven: bytes,
    three: bytes,
    single: Callable[[str, bytes], Any],
    path: str,
    form: str,
) -> None:
    files = [seven, three, seven]
    answers = http.post(path, **SEVERAL_IMAGES[form](files)).raise_for_status().json()
    assert same(answers, [single(path, data) for data in files])
    assert not same(answers[0], answers[1])


@pytest.mark.parametrize("path", IMAGE_ENDPOINTS)
@pytest.mark.parametrize("form", ["multipart images", "json"])
def test_a_list_of_one_is_answered_by_a_list_of_one(
    http: httpx.Client, seven: bytes, single: Callable[[str, bytes], Any], path: str, form: str
) -> None:
    answers = http.post(path, **SEVERAL_IMAGES[form]([seven])).raise_for_status().json()
    assert same(answers, [single(path, seven)])


@pytest.mark.parametrize("form", ONE_TEXT)
@pytest.mark.parametrize("text", [PRAISE, "Außerordentlich! 🎬 \u0000", "a" * 100_000])
def test_one_text_is_answered_by_one_object(http: httpx.Client, form: str, text: str) -> None:
    answer = http.post("/sentiment", **ONE_TEXT[form](text))
    assert answer.status_code == 200, answer.text
    assert answer.json().keys() == FIELDS["/sentiment"]
    assert same(answer.json(), http.post("/sentiment", json={"text": text}).json())


def test_several_texts_are_answered_by_a_list_in_their_order(http: httpx.Client) -> None:
    texts = [PRAISE, BLAME, PRAISE + " " + BLAME * 20, PRAISE]
    answers = http.post("/sentiment", json={"texts": texts}).raise_for_status().json()
    one_by_one = [http.post("/sentiment", json={"text": text}).json() for text in texts]
    assert same(answers, one_by_one)
    assert not same(answers[0], answers[1])


def test_a_classification_adds_up(http: httpx.Client, seven: bytes) -> None:
    answer = http.post("/classify", **raw(seven)).json()
    top = answer["top"]
    assert (top[0]["label"], top[0]["probability"]) == (answer["label"], answer["probability"])
    assert [t["probability"] for t in top] == sorted((t["probability"] for t in top), reverse=True)
    assert 0.5 < sum(t["probability"] for t in top) <= 1.0001
    assert len({t["label"] for t in top}) == len(top) == 5
    assert (answer["model"], answer["version"]) == ("digits", 1)


def test_a_sentiment_adds_up(http: httpx.Client) -> None:
    answer = http.post("/sentiment", json={"text": PRAISE}).json()
    assert answer["probabilities"].keys() == {"negative", "positive"}
    assert sum(answer["probabilities"].values()) == pytest.approx(1, abs=1e-4)
    assert answer["score"] == answer["probabilities"][answer["label"]]
    assert answer["score"] == max(answer["probabilities"].values())
    assert answer["truncated"] is False
    assert (answer["model"], answer["version"]) == ("sentiment", 1)


def test_a_text_longer_than_the_model_reads_is_truncated(http: httpx.Client) -> None:
    assert http.post("/sentiment", json={"text": "fine " * 5000}).json()["truncated"] is True


def test_an_embedding_adds_up(http: httpx.Client, seven: bytes) -> None:
    answer = http.post("/embed", **raw(seven)).json()
    assert len(answer["embedding"]) == answer["dimensions"] == 32
    assert answer["reconstruction_error"] > 0
    assert (answer["model"], answer["version"]) == ("embedding", 1)


def test_the_caller_chooses_the_model_and_its_version(http: httpx.Client) -> None:
    red = encode(Image.new("RGB", (16, 16), "red"))
    for query, version in (("", 2), ("&version=1", 1), ("&version=2", 2)):
        answer = http.post(f"/classify?model=tint{query}", **raw(red)).json()
        assert (answer["model"], answer["version"]) == ("tint", version)
        assert {t["label"] for t in answer["top"]} == set(TINTS[version - 1])


def test_another_image_classifier_is_served_as_its_card_says(http: httpx.Client) -> None:
    for position, label in enumerate(TINTS[0]):
        colour = tuple(255 * (position == channel) for channel in range(3))
        picture = encode(Image.new("RGB", (90, 40), colour))
        answer = http.post("/classify?model=tint&version=1", **raw(picture)).json()
        assert (answer["label"], len(answer["top"])) == (label, 3)
        assert answer["probability"] == pytest.approx(PURE_TINT, abs=1e-3)


def test_a_sane_request_id_is_echoed(http: httpx.Client, seven: bytes) -> None:
    for sent in ("b5f7c2", "trace:1.2-3_4", "x" * 128):
        answer = http.post("/classify", content=seven, headers=_headers(sent))
        assert answer.headers["x-request-id"] == sent


@pytest.mark.parametrize("sent", [None, "", "x" * 129, "a b", "é".encode(), "<script>", "a;b=c"])
def test_a_missing_or_hostile_request_id_is_replaced(
    http: httpx.Client, seven: bytes, sent: str | bytes | None
) -> None:
    ids = {
        http.post("/classify", content=seven, headers=_headers(sent)).headers["x-request-id"]
        for _ in range(2)
    }
    assert len(ids) == 2
    assert all(re.fullmatch("[0-9a-f]{32}", new) for new in ids)


def test_an_error_has_a_request_id_too(http: httpx.Client) -> None:
    answer = http.post("/classify", content=b"", headers=_headers("mine"))
    assert (answer.status_code, answer.headers["x-request-id"]) == (400, "mine")


@pytest.mark.parametrize("path", FIELDS)
def test_server_timing_says_where_the_time_went(
    http: httpx.Client, seven: bytes, path: str
) -> None:
    arguments = {"json": {"text": PRAISE}} if path == "/sentiment" else raw(seven)
    timing = http.post(path, **arguments).headers["server-timing"]
    number = r"\d+(\.\d+)?"
    pattern = f"decode;dur={number}, queue;dur={number}, inference;dur={number}"
    assert re.fullmatch(pattern, timing)


def test_one_connection_carries_many_requests(server: LiveServer, seven: bytes) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", server.http_port, timeout=30)
    sockets = set()
    for body, status in ((seven, 200), (b"not an image", 422), (b"", 400), (seven, 200)):
        connection.request("POST", "/classify", body, {"content-type": "image/png"})
        sockets.add(connection.sock)
        answer = connection.getresponse()
        assert (answer.status, bool(answer.read())) == (status, True)
    assert len(sockets) == 1
    connection.close()


def test_health_is_told(http: httpx.Client) -> None:
    assert http.get("/livez").status_code == 200
    assert http.get("/readyz").status_code == 200


@pytest.mark.parametrize("path", FIELDS)
def test_only_post_is_answered(http: httpx.Client, path: str) -> None:
    assert http.get(path).status_code == 405


def _headers(request_id: str | bytes | None) -> Any:
    headers: list[tuple[str, str | bytes]] = [("content-type", "image/png")]
    return headers if request_id is None else [*headers, ("x-request-id", request_id)]
