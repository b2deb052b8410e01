"""HTTP: bad requests get problem documents that say what to change."""

import gzip
import re
import struct
import zlib
from collections.abc import Iterator
from typing import Any, NamedTuple

import httpx
import orjson
import pytest

from tests.service.drawings import encode, grey, handwritten
from tests.service.live.answers import base64_text
from tests.service.live.conftest import MAX_BODY_BYTES, MAX_INPUTS
from tests.service.live_server import LiveServer

IMAGE = encode(grey(handwritten("7")))
BLANK = encode(grey(handwritten("7") * 0))
MARKER = "PAYLOAD-OF-THE-CALLER"  # in bad inputs; must never come back or be logged

TITLES = {
    400: {"Malformed request"},
    404: {"Unknown model", "Unknown path"},
    405: {"Method not allowed"},
    413: {"Too large"},
    415: {"Unsupported media type"},
    422: {"Undecodable input"},
}


class Case(NamedTuple):
    """A bad request, its status, and what the answer's detail must mention."""

    path: str
    request: dict[str, Any]
    status: int
    detail: str


def body(content: bytes, content_type: str | None) -> dict[str, Any]:
    return {"content": content, "headers": {"content-type": content_type} if content_type else {}}


def _compressed(content: bytes, encoding: str, content_type: str = "image/png") -> dict[str, Any]:
    return {
        "content": content,
        "headers": {"content-type": content_type, "content-encoding": encoding},
    }


def _form(*fields: tuple[str, Any]) -> dict[str, Any]:
    return {"files": list(fields)}


def _png_chunk(kind: bytes, content: bytes) -> bytes:
    checksum = struct.pack(">I", zlib.crc32(kind + content))
    return struct.pack(">I", len(content)) + kind + content + checksum


def png_bomb(side: int) -> bytes:
    """Return a small PNG of side x side black pixels, one bit each."""
    header = struct.pack(">IIBBBBB", side, side, 1, 0, 0, 0, 0)
    row = b"\0" * (1 + side // 8)
    compressor = zlib.compressobj(9)
    content = b"".join(compressor.compress(row) for _ in range(side)) + compressor.flush()
    chunks = ((b"IHDR", header), (b"IDAT", content), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(_png_chunk(*chunk) for chunk in chunks)


def gif_bomb() -> bytes:
    """Return a GIF whose header claims 65535x65535 pixels."""
    gif = encode(grey(handwritten("7")), "GIF")
    return gif[:6] + struct.pack("<HH", 65535, 65535) + gif[10:]


NOT_AN_IMAGE = MARKER.encode() * 3
FORM = b'--x\r\nContent-Disposition: form-data; name="image"; filename="a"\r\n\r\n'
FORM = 2 * (FORM + IMAGE + b"\r\n") + b"--x--\r\n"
TEXT_PNG = ("image", ("digit.png", NOT_AN_IMAGE, "image/png"))

CASES = {
    # nothing there
    "empty image body": Case("/classify", body(b"", "image/png"), 400, "empty"),
    "empty embed body": Case("/embed", body(b"", "image/png"), 400, "empty"),
    "empty text body": Case("/sentiment", body(b"", "text/plain"), 400, "empty"),
    "empty JSON body": Case("/classify", body(b"", "application/json"), 400, "empty"),
    "empty list": Case("/classify", {"json": {"images": []}}, 400, "no input"),
    "empty list of texts": Case("/sentiment", {"json": {"texts": []}}, 400, "no input"),
    "empty text": Case("/sentiment", {"json": {"text": ""}}, 422, "empty"),
    "blank text": Case("/sentiment", body(b" \n\t ", "text/plain"), 422, "empty"),
    "empty image in JSON": Case("/classify", {"json": {"image": ""}}, 422, "image"),
    "empty file in a form": Case("/classify", _form(("image", ("a.png", b""))), 422, "image"),
    # content types
    "no content type": Case("/classify", body(IMAGE, None), 415, "Content-Type"),
    "no content type, text": Case("/sentiment", body(b"fine", None), 415, "Content-Type"),
    "text type for an image": Case("/classify", body(IMAGE, "text/plain"), 415, "image/"),
    "curl's default type": Case(
        "/classify", body(IMAGE, "application/x-www-form-urlencoded"), 415, "image/"
    ),
    "image type for a text": Case("/sentiment", body(b"fine", "image/png"), 415, "text/plain"),
    "form for a text": Case("/sentiment", _form(("text", (None, "a"))), 415, "text/plain"),
    # not images
    "truncated PNG": Case("/classify", body(IMAGE[:-60], "image/png"), 422, "truncated"),
    "PNG header alone": Case("/classify", body(IMAGE[:20], "image/png"), 422, "."),
    "truncated JPEG": Case(
        "/embed", body(encode(grey(handwritten("7")), "JPEG")[:-400], "image/jpeg"), 422, "truncat"
    ),
    "text named .png": Case("/classify", body(NOT_AN_IMAGE, "image/png"), 422, "PNG, JPEG"),
    "text named .png in a form": Case("/classify", _form(TEXT_PNG), 422, "PNG, JPEG"),
    "an SVG": Case("/classify", body(b"<svg></svg>", "image/svg+xml"), 422, "PNG, JPEG"),
    "blank image": Case("/classify", body(BLANK, "image/png"), 422, "blank"),
    "blank image to embed": Case("/embed", body(BLANK, "image/png"), 422, "blank"),
    # JSON
    "invalid JSON": Case(
        "/classify", body(f'{{"image": "{MARKER}'.encode(), "application/json"), 400, "JSON"
    ),
    "JSON list": Case("/classify", {"json": [MARKER]}, 400, '"image"'),
    "JSON number": Case("/sentiment", {"json": 3}, 400, '"text"'),
    "JSON null": Case("/sentiment", body(b"null", "application/json"), 400, '"text"'),
    "wrong field": Case("/classify", {"json": {MARKER: "a"}}, 400, '"image"'),
    "wrong field, text": Case("/sentiment", {"json": {"review": MARKER}}, 400, '"text"'),
    "one field too many": Case("/sentiment", {"json": {"text": "a", MARKER: 1}}, 400, '"text"'),
    "both fields": Case("/sentiment", {"json": {"text": "a", "texts": ["b"]}}, 400, "either"),
    "a list as one": Case("/sentiment", {"json": {"text": ["a"]}}, 400, '"text"'),
    "one as a list": Case("/sentiment", {"json": {"texts": "a"}}, 400, "list"),
    "a number as image": Case("/classify", {"json": {"image": 7}}, 400, "base64"),
    "invalid base64": Case("/classify", {"json": {"image": MARKER + "!"}}, 400, "base64"),
    "data: URL without base64": Case(
        "/classify", {"json": {"image": "data:image/png," + MARKER}}, 400, "data:"
    ),
    "base64 beyond ASCII": Case("/classify", {"json": {"image": "ä"}}, 400, "base64"),
    "deep JSON": Case("/sentiment", body(b"[" * 100_000, "application/json"), 400, "JSON"),
    "invalid UTF-8": Case("/sentiment", body(b"caf\xe9", "text/plain"), 422, "UTF-8"),
    "invalid UTF-8 in JSON": Case(
        "/sentiment", body(b'{"text": "caf\xe9"}', "application/json"), 400, "JSON"
    ),
    "lone surrogate": Case(
        "/sentiment", body(b'{"text": "\\ud800"}', "application/json"), 400, "JSON"
    ),
    # forms
    "wrong form field": Case("/classify", _form((MARKER, ("a.png", IMAGE))), 400, '"image"'),
    "form text in place of a file": Case(
        "/classify", _form(("image", (None, MARKER))), 400, "files"
    ),
    "form without boundary": Case("/classify", body(IMAGE, "multipart/form-data"), 400, "boundary"),
    "form with another boundary": Case(
        "/classify", body(IMAGE, "multipart/form-data; boundary=x"), 400, "."
    ),
    "form that is cut off": Case(
        "/classify", body(FORM[:-8], "multipart/form-data; boundary=x"), 400, "whole"
    ),
    "form with LF alone": Case(
        "/embed",
        body(FORM.replace(b"\r\n", b"\n"), "multipart/form-data; boundary=x"),
        400,
        "CR LF",
    ),
    "file sent as a form's text": Case(
        "/classify", _form(("image", (None, IMAGE))), 400, "-F image=@"
    ),
    "empty form": Case(
        "/classify", body(b"--x--\r\n", "multipart/form-data; boundary=x"), 400, "empty"
    ),
    # encodings
    "unknown charset": Case(
        "/sentiment", body(b"fine", "text/plain; charset=klingon"), 415, "klingon"
    ),
    "charset that is none": Case(
        "/sentiment", body(b"ZmluZQ==", "text/plain; charset=base64"), 415, "base64"
    ),
    "another charset than declared": Case(
        "/sentiment", body(b"fin", "text/plain; charset=utf-16"), 422, "utf-16"
    ),
    "undeclared UTF-16": Case(
        "/sentiment", body("fine".encode("utf-16-le"), "text/plain"), 422, "charset"
    ),
    "unknown compression": Case("/classify", _compressed(IMAGE, "br"), 415, "gzip"),
    "compressed by something else": Case("/classify", _compressed(IMAGE, "gzip"), 400, "gzip"),
    "gzip that is cut off": Case(
        "/sentiment",
        _compressed(gzip.compress(b"fine" * 9)[:-9], "gzip", "text/plain"),
        400,
        "gzip",
    ),
    "gzip bomb": Case(
        "/embed", _compressed(gzip.compress(bytes(40 * MAX_BODY_BYTES)), "gzip"), 413, "decompress"
    ),
    # too much
    "too many images": Case(
        "/classify",
        {"json": {"images": [base64_text(IMAGE)] * (MAX_INPUTS + 1)}},
        413,
        str(MAX_INPUTS),
    ),
    "too many files": Case(
        "/classify", _form(*[("image", ("a", IMAGE))] * (MAX_INPUTS + 1)), 413, str(MAX_INPUTS)
    ),
    "too many texts": Case(
        "/sentiment", {"json": {"texts": ["a"] * (MAX_INPUTS + 1)}}, 413, str(MAX_INPUTS)
    ),
    "body over the limit": Case(
        "/classify", body(bytes(MAX_BODY_BYTES + 1), "image/png"), 413, str(MAX_BODY_BYTES)
    ),
    "PNG bomb": Case("/classify", body(png_bomb(8192), "image/png"), 413, "8192x8192"),
    "PNG bomb beyond all limits": Case(
        "/classify", body(png_bomb(30_000), "image/png"), 413, "too many pixels"
    ),
    "GIF bomb": Case("/embed", body(gif_bomb(), "image/gif"), 413, "too many pixels"),
    # models
    "unknown model": Case(f"/classify?model={MARKER}", body(IMAGE, "image/png"), 404, "digits/1"),
    "unknown version": Case(
        "/classify?model=digits&version=99", body(IMAGE, "image/png"), 404, "digits/1"
    ),
    "another task's model": Case("/classify?model=sentiment", body(IMAGE, "image/png"), 404, "1"),
    "version in words": Case("/embed?version=new", body(IMAGE, "image/png"), 400, "version"),
    "version below 1": Case("/embed?version=-1", body(IMAGE, "image/png"), 400, "version"),
    "version beyond all": Case(
        "/embed?version=99999999999999999999", body(IMAGE, "image/png"), 400, "version"
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_a_bad_request_gets_a_problem_document(http: httpx.Client, name: str) -> None:
    case = CASES[name]
    answer = http.post(case.path, **case.request)
    assert answer.status_code == case.status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["x-request-id"]
    _check_problem(answer.json(), case.status)
    assert case.detail in answer.json()["detail"]
    assert case.path.startswith("/classify?model=") or MARKER not in answer.text


def _check_problem(problem: Any, status: int) -> None:
    """Check the members of RFC 9457, and that the detail is a sentence for the caller."""
    assert problem.keys() == {"type", "title", "status", "detail"}
    assert problem["status"] == status
    assert problem["title"] in TITLES[status]
    assert re.fullmatch(r"urn:trident:problem:[a-z-]+", problem["type"])
    assert problem["detail"].endswith(".")
    assert len(problem["detail"]) < 500
    assert not re.search(r"Traceback|File \"|Error\b|0x[0-9a-f]+>", problem["detail"])


def test_a_chunked_body_over_the_limit_is_refused(http: httpx.Client) -> None:
    def chunks() -> Iterator[bytes]:
        for _ in range(MAX_BODY_BYTES // 65536 + 1):
            yield bytes(65536)

    answer = http.post("/classify", content=chunks(), headers={"content-type": "image/png"})
    assert answer.request.headers["transfer-encoding"] == "chunked"
    assert answer.status_code == 413
    _check_problem(answer.json(), 413)


def test_one_bad_image_among_good_ones_fails_alone(http: httpx.Client) -> None:
    good, bad = base64_text(IMAGE), base64_text(NOT_AN_IMAGE)
    images = [good, bad, "?", 7, base64_text(BLANK), good, base64_text(png_bomb(8192))]
    answer = http.post("/classify", json={"images": images})
    assert answer.status_code == 200
    found = answer.json()
    assert found[0] == found[5]
    assert found[0]["model"] == "digits"
    for position, status in ((1, 422), (2, 400), (3, 400), (4, 422), (6, 413)):
        _check_problem(found[position], status)


def test_one_bad_file_in_a_form_fails_alone(http: httpx.Client) -> None:
    answer = http.post("/embed", **_form(("image", ("a", IMAGE)), TEXT_PNG))
    good, bad = answer.json()
    assert (answer.status_code, good["dimensions"]) == (200, 32)
    _check_problem(bad, 422)


def test_one_bad_text_among_good_ones_fails_alone(http: httpx.Client) -> None:
    found = http.post("/sentiment", json={"texts": ["fine", "", 3, "fine"]}).json()
    assert found[0] == found[3]
    _check_problem(found[1], 422)
    _check_problem(found[2], 400)


def test_a_list_of_bad_items_alone_is_a_list_of_problems(http: httpx.Client) -> None:
    answer = http.post("/sentiment", json={"texts": [""]})
    assert answer.status_code == 200
    _check_problem(answer.json()[0], 422)


@pytest.mark.parametrize(
    "path", ["/nothing", "/classify/x", "/CLASSIFY", "/docs/nothing", "/metrics/", "/livez/"]
)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_an_unknown_path_is_not_found(http: httpx.Client, method: str, path: str) -> None:
    """Nor is it redirected, since the `Host` that the caller sent would be in the `Location`."""
    answer = http.request(method, path, headers={"x-request-id": "mine"})
    assert (answer.status_code, answer.headers["x-request-id"]) == (404, "mine")
    assert answer.headers["content-type"] == "application/problem+json"
    _check_problem(answer.json(), 404)


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("GET", "/classify", {"POST"}),
        ("PUT", "/models", {"GET", "HEAD"}),
        ("POST", "/livez", {"GET", "HEAD"}),
        ("DELETE", "/docs.json", {"GET", "HEAD"}),
    ],
)
def test_another_method_is_not_allowed(
    http: httpx.Client, method: str, path: str, allowed: set[str]
) -> None:
    answer = http.request(method, path)
    assert answer.status_code == 405
    assert set(answer.headers["allow"].split(", ")) == allowed
    _check_problem(answer.json(), 405)


def test_no_bad_request_leaves_its_payload_or_a_traceback_in_the_log(
    http: httpx.Client, server: LiveServer
) -> None:
    for case in CASES.values():
        http.post(case.path, **case.request)
    http.post("/sentiment", content=orjson.dumps({"text": MARKER}))
    assert MARKER not in server.log
    assert "Traceback" not in server.log
