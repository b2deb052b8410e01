"""HTTP/1.1 requests whose ends are clear, with any path, header and body."""

from random import Random
from typing import Final

from tests.service.fuzzing.bodies import (
    PLANTED,
    Body,
    any_body,
    json_body,
    sample_body,
    tensor_body,
    text_body,
)

_GOOD_PATHS: Final = (
    *("/classify",) * 6,
    *("/sentiment",) * 5,
    *("/embed",) * 2,
    *("/generate",) * 2,
    *("/models/digits", "/models/sentiment", "/models/embedding/versions/1"),
    *("/models/digits/labels/stable", "/models/reload"),
)
_TENSOR_PATHS: Final = tuple(
    f"/models/{name}" for name in ("pair", "sequence", "small", "fixed", "mood")
)
_PAGES: Final = (
    "/", "/docs.json", "/models", "/models/digits", "/metrics", "/livez", "/readyz", "/healthz",
    "/schema.json", "/docs/docs.css", "/docs/page.js",
)  # fmt: skip
_ODD_PATHS: Final = (
    "/models/", "/models/..", "/models/../metrics", "/models/%2e%2e/metrics", "/models/%00",
    "/models/digits%2fversions%2f1", "/models/%64igits", "/models/digits/versions/0",
    "/models/digits/versions/999999999999", "/models/digits/versions/-1", "/models/%ff%fe",
    "/models/digits/versions/%31", "/models/digits/labels/%00", "//classify", "/./classify",
    "/classify/", "/classify%00", "/%63lassify", "/%2563lassify", "/classify;a=b", "/CLASSIFY",
    "/docs/..%2f..%2fapp.py", "/docs/%2e%2e/%2e%2e/app.py", "/docs/....//app.py", "/docs/\\..\\a",
    "/static/../../etc/passwd", "/assets/../x", "/" + "a/" * 2_000, "/" + "%41" * 3_000, "/?" * 99,
    "http://other.example/classify", "http://localhost/models", "https://[::1]:9/metrics",
    "/models/digits/labels/" + "a" * 5_000, "/models/\xe9", "/.git/config", "/%", "/%zz", "/#a",
    "/models/reload/", "/models/reload/versions/1", "/models/NAME", "/favicon.ico", "/v1/models",
)  # fmt: skip
_QUERIES: Final = (
    "label=7", "label=7&count=3&seed=1", "count=65", "count=1e9", "seed=-1", "seed=4294967296",
    "model=digits", "model=sentiment", "version=1", "version=2", "version=999999999", "version=-1",
    "version=1e9", "version=%31", "version=%D9%A1", "label=stable", "label=", "model=", "model",
    "model=%00", "model=../digits", "model=digits&model=tint", "model=%ff", "=", "&&&", "%", "a=b",
    "model=" + "m" * 9_000, "model=digits;version=1", "label=%0d%0aX:y",
    "&".join("a=1" for _ in "a" * 999),
)  # fmt: skip
_METHODS: Final = (
    "GET",
    "HEAD",
    "PUT",
    "DELETE",
    "PATCH",
    "OPTIONS",
    "TRACE",
    "PROPFIND",
    "SEARCH",
)
_HEADERS: Final = (
    f"Authorization: Bearer {PLANTED}", "Authorization: Basic OjpA", "Authorization: \xff",
    f"Cookie: session={PLANTED}", f"X-Canary-Key: {PLANTED}", f"User-Agent: {PLANTED}",
    f"X-Request-ID: {PLANTED}/", "X-Request-ID: " + "i" * 129, "X-Request-ID: \xff",
    f"traceparent: 00-{PLANTED}-00", "traceparent: 00-" + "0" * 32 + "-" + "0" * 16 + "-01",
    f"tracestate: {PLANTED}=1," + "a=b," * 99, "baggage: \xff", "X-Forwarded-For: \0"[:-1] + "::1",
    "Accept: image/png", "Accept: " + "image/*;q=0.5,;" * 99,
    "Accept: \xe9", "Accept-Encoding: gzip;q=NaN", "Range: bytes=0-0", "Range: bytes=-9,9-,1-0",
    "If-None-Match: *", "If-Modified-Since: never", "If-Match: \"a\"", "Expect: 100-continue",
    "Expect: 200-ok", "Upgrade: h2c", "Upgrade: websocket", "Connection: close", "Connection: Host",
    "Connection: keep-alive, close", "TE: trailers, deflate;q=0.5", "Trailer: Content-Length",
    "X-HTTP-Method-Override: DELETE", "X-Original-URL: /metrics", "Origin: null",
    "Via: 1.0 a, 1.1 b", "Access-Control-Request-Method: PUT", "Content-Length-X: 5",
    "Content_Length: 5", "X: " + "y" * 9_000, "!#$%&'*+-.^_`|~: tokens", "Max-Forwards: 0",
    "Content-Range: bytes 0-1/2", "Forwarded: for=\"_a\"", "Sec-WebSocket-Key: a",
    "HTTP2-Settings: AAMAAABk", "Proxy-Connection: close", "Date: 0", "Content-MD5: a",
)  # fmt: skip


def clear_request(source: Random) -> tuple[bytes, bool]:
    """Return one request, and whether its answer has a body."""
    if source.random() < 0.12:
        method, path = source.choice(_METHODS), source.choice(_PAGES + _ODD_PATHS + _GOOD_PATHS)
        body = Body(b"", "") if source.random() < 0.7 else any_body(source)
        return request(source, method, path, body), method != "HEAD"
    path = source.choice(_GOOD_PATHS + _TENSOR_PATHS)
    if source.random() < 0.08:
        path = source.choice(_ODD_PATHS)
    if path.startswith(("/sentiment", "/models/sentiment")):  # most bodies should get far
        body = source.choice((json_body, text_body, text_body, any_body))(source)
    elif path.startswith("/generate"):
        body = source.choice((sample_body, sample_body, any_body))(source)
    elif path in _TENSOR_PATHS:
        body = source.choice((tensor_body, tensor_body, json_body))(source)
    else:
        body = any_body(source)
    if source.random() < 0.12:
        path += "?" + source.choice(_QUERIES)
    return request(source, "POST", path, body), True


def request(source: Random, method: str, path: str, body: Body) -> bytes:
    """Return a request with odd headers now and then, and a sound length or sound chunks."""
    headers = ["Host: localhost"]
    if body.content_type:
        headers.append(f"Content-Type: {body.content_type}")
    if body.content_encoding is not None:
        headers.append(f"Content-Encoding: {body.content_encoding}")
    headers += source.choices(_HEADERS, k=source.choice((0, 0, 0, 1, 2, 5)))
    content = body.content
    if source.random() < 0.1:
        headers.append("Transfer-Encoding: chunked")
        content = _in_chunks(source, content)
    elif content or method == "POST":
        headers.append(f"Content-Length: {len(content)}")
    source.shuffle(headers)
    lines = [f"{method} {path} HTTP/1.1", *headers]
    return "\r\n".join(lines).encode("latin-1", "replace") + b"\r\n\r\n" + content


def _in_chunks(source: Random, content: bytes) -> bytes:
    chunks: list[bytes] = []
    place = 0
    while place < len(content):
        size = source.choice((1, 7, 500, 70_000)) if len(chunks) < 200 else len(content)
        chunk = content[place : place + size]
        extension = source.choice((b"", b"", b";a=b", b';a="b c"', b";a"))
        chunks.append(b"%x%s\r\n%s\r\n" % (len(chunk), extension, chunk))
        place += size
    trailer = source.choice((b"", b"", b"X-Trailer: a\r\n", b"Content-Length: 3\r\n"))
    return b"".join(chunks) + b"0\r\n" + trailer + b"\r\n"
