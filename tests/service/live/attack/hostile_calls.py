"""Requests and calls of every kind, good and bad, each with markers in all of its parts."""

import json
import struct
from collections.abc import Iterator
from contextlib import suppress
from typing import Any, NamedTuple

import grpc

from service.api.trident import inference_pb2 as messages
from tests.service.drawings import encode, grey, handwritten
from tests.service.fuzzing.planted import Planted
from tests.service.live.answers import base64_text
from tests.service.live.grpc_client import inference_stub
from tests.service.tasks import odd_files as files
from tests.service.transport.http1.wire import connect, read_to_the_end

PICTURE = grey(handwritten("7", 60))
WHITE = grey(handwritten("1") * 0)  # slow for the model `slow`


class Post(NamedTuple):
    """A request by POST, whose answer may repeat no marker."""

    path: str
    content: bytes
    headers: dict[str, str]


def posts(mark: Planted) -> Iterator[Post]:
    """Yield requests whose markers are in what is asked, never in a name."""
    for content in pictures(mark):
        yield Post("/classify", content, {"content-type": "image/png"} | headers(mark))
        yield Post("/embed", content, {"content-type": "image/png"})
    text = f"A wonderful film, {mark('text')}."
    cut = json.dumps({"text": mark("JSON that is cut off")}).encode()[:-2]
    yield Post("/sentiment", text.encode(), {"content-type": "text/plain"} | headers(mark))
    for encoding in ("utf-16", "latin-1"):
        content = f"{mark(f'text in {encoding}')} \xff".encode(encoding)
        yield Post("/sentiment", content, {"content-type": "text/plain"})
    for document in (
        {"text": mark("JSON text")},
        {"texts": [mark("JSON texts"), 7, ""]},
        {mark("JSON key"): "a"},
        {"text": {mark("JSON inner key"): mark("JSON inner value")}},
        {"text": "a", "other": mark("JSON other value")},
        [mark("JSON list")],
    ):
        yield Post(
            "/sentiment", json.dumps(document).encode(), {"content-type": "application/json"}
        )
    yield Post("/sentiment", cut, {"content-type": "application/json"})
    yield Post("/sentiment", mark("not gzip").encode(), {"content-encoding": "gzip"})
    image = base64_text(next(pictures(mark)))
    for value in (image, mark("not base64") + "!", base64_text(mark("not an image").encode())):
        content = json.dumps({"images": [value, value]}).encode()
        yield Post("/classify", content, {"content-type": "application/json"})
    for name in ("image", mark("form field")):
        yield _form(mark, name)
    for model, name in (("parse", "text"), ("mood", "text"), ("pair", "x")):
        content = json.dumps({"inputs": {name: [mark(f"array for {model}")]}}).encode()
        yield Post(f"/models/{model}", content, {"content-type": "application/json"})
    yield Post("/models/slow", _png(mark, WHITE), {"content-type": "image/png"})
    yield Post(f"/classify?other={mark('query value')}", b"x", {"content-type": "image/png"})
    yield Post("/models/reload", b"", {"authorization": f"Bearer {mark('wrong key')}"})


def names(mark: Planted) -> Iterator[Post]:
    """Yield requests for something that isn't there, whose answers may repeat its name."""
    png = {"content-type": "image/png"}
    yield Post(f"/models/{mark('model in the path')}", b"a", png)
    yield Post(f"/models/digits/labels/{mark('label in the path')}", b"a", png)
    yield Post(f"/{mark('path')}", b"a", png)
    yield Post(f"/classify?model={mark('model')}&label={mark('label')}", encode(PICTURE), png)
    yield Post(f"/classify?version={mark('version')}", b"a", png)
    yield Post("/classify", b"a", {"content-type": f"image/{mark('image type')}"})
    yield Post("/classify", b"a", {"content-type": f"text/{mark('content type')}"})
    yield Post("/sentiment", b"a", {"content-type": f"text/plain; charset={mark('charset')}"})
    yield Post("/sentiment", b"a", png | {"content-encoding": mark("content encoding")})
    boundary = f"multipart/form-data; boundary={mark('boundary')}"
    yield Post("/classify", b"a", {"content-type": boundary})
    content = json.dumps({"inputs": {mark("name of an array"): [1]}}).encode()
    yield Post("/models/pair", content, {"content-type": "application/json"})


def headers(mark: Planted) -> dict[str, str]:
    """Return headers of many kinds, those of tracing among them."""
    return {
        "authorization": f"Basic {mark('Authorization')}",
        "baggage": f"{mark('baggage')}\xff,{mark('baggage entry')}",
        "cookie": f"session={mark('Cookie')}",
        "referer": f"http://{mark('Referer')}/",
        "traceparent": f"00-{mark('traceparent')}-01",
        "user-agent": mark("User-Agent"),
        "x-canary-key": mark("X-Canary-Key"),
        "x-forwarded-for": mark("X-Forwarded-For"),
        "x-request-id": f"{mark('unusable X-Request-ID')}/",
        mark("header name"): mark("header value"),
    }


def sampled_headers(mark: Planted, request_id: str) -> dict[str, str]:
    """Return the headers of a caller who traces, with a usable id."""
    return {
        "traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        "tracestate": f"{mark('tracestate key')}={mark('tracestate')},a={mark('tracestate 2')}\xff",
        "x-request-id": request_id,
        "content-type": "image/png",
    }


def pictures(mark: Planted) -> Iterator[bytes]:
    """Yield image files with markers in their metadata, good ones and damaged ones."""
    png = _png(mark, PICTURE)
    exif = files.exif([(0x010F, files.ASCII, 40, mark("EXIF").encode().ljust(40, b"\0"))])
    xmp = b"http://ns.adobe.com/xap/1.0/\0" + files.xmp(mark("XMP"))
    segments = [(0xE1, exif), (0xE1, xmp), (0xFE, mark("JPEG comment").encode())]
    jpeg = files.jpeg_with(encode(PICTURE, "JPEG"), segments)
    webp = encode(PICTURE, "WEBP", lossless=True)
    tag = (270, files.ASCII, 20, mark("TIFF description").encode().ljust(20, b"\0"))
    yield from (png, png[:-60], jpeg, jpeg[:-300])
    yield files.webp_with(webp, [(b"EXIF", exif), (b"XMP ", mark("WebP XMP").encode())])
    yield files.gif_with(encode(PICTURE, "GIF"), [(0xFE, mark("GIF comment").encode())])
    yield files.tiff_with(PICTURE, [tag, (305, files.SHORT, 9, mark("TIFF tag").encode())])
    yield mark("not a picture").encode()


def _png(mark: Planted, picture: Any) -> bytes:
    text = files.chunk(b"tEXt", b"Comment\0" + mark("PNG text").encode())
    return files.png_with(encode(picture), before=text)


def _form(mark: Planted, name: str) -> Post:
    head = (
        f'--b\r\nContent-Disposition: form-data; name="{name}"; filename="{mark("file name")}"\r\n'
        f"Content-Type: image/png\r\n{mark('part header')}: {mark('part header value')}\r\n\r\n"
    )
    content = head.encode() + next(pictures(mark)) + b"\r\n--b--\r\n"
    return Post("/classify", content, {"content-type": "multipart/form-data; boundary=b"})


def send_broken_requests(mark: Planted, port: int) -> Iterator[bytes]:
    """Send what isn't HTTP, or isn't complete; yield the answers."""
    post = b"POST /sentiment HTTP/1.1\r\nHost: a\r\nContent-Type: text/plain\r\n"
    for data in (
        f"{mark('method')} / HTTP/1.1\r\nHost: a\r\n\r\n",
        f"GET /{mark('odd path')}\x01 HTTP/1.1\r\nHost: a\r\n\r\n",
        f"GET http:// HTTP/1.1\r\nHost: a\r\nX: {mark('header of an odd URL')}\r\n\r\n",
        f"GET http://{mark('host of a URL')}:999999/ HTTP/1.1\r\nHost: a\r\n\r\n",
        f"GET / HTTP/1.1\r\nHost: {mark('odd Host')} b\r\n\r\n",
        f"GET / HTTP/1.1\r\nHost: a\r\n{mark('odd header')}\r\n\r\n",
        f"GET / HTTP/{mark('HTTP version')}\r\nHost: a\r\n\r\n",
        f"\x16\x03\x01{mark('TLS on a plain port')}",
    ):
        yield _answers(port, data.encode("latin-1"))
    chunks = b"Transfer-Encoding: chunked\r\n\r\n5;%s=1\r\nhello\r\n0\r\n%s: a\r\n\r\n"
    yield _answers(port, post + chunks % (mark("chunk").encode(), mark("trailer").encode()))
    odd = b"Transfer-Encoding: %s\r\n\r\n" % mark("transfer coding").encode()
    yield _answers(port, post + odd)
    cut = b"Content-Length: 1000\r\n\r\n%s" % mark("body that is cut off").encode()
    yield _answers(port, post + cut)
    with connect(port) as wire:  # one that stalls, until the service ends it
        wire.sendall(post + b"Content-Length: 1000\r\n\r\n" + mark("slow body").encode())
        yield read_to_the_end(wire)


def _answers(port: int, data: bytes) -> bytes:
    with connect(port) as wire:
        wire.sendall(data)
        wire.shutdown(1)
        return read_to_the_end(wire)


def call_everything(mark: Planted, target: str) -> None:
    """Make gRPC calls of every kind, with metadata of every kind."""
    array = messages.Tensor(dtype="string", shape=[1], strings=[mark("gRPC array").encode()])
    numbers = struct.pack("<3f", 1, 2, 3) + mark("gRPC content").encode()
    model, choice = messages.ModelChoice, messages.ModelChoice(name="parse")
    classify, sentiment = messages.ClassifyRequest, messages.SentimentRequest
    with grpc.insecure_channel(target) as channel:
        stub = inference_stub(channel)
        unknown = channel.unary_unary(f"/trident.v1.Inference/{mark('gRPC method')}", None, None)
        raw = channel.unary_unary("/trident.v1.Inference/Classify", None, None)
        calls: list[tuple[Any, Any]] = [
            *((stub.Classify, classify(images=[content])) for content in pictures(mark)),
            (stub.Sentiment, sentiment(texts=[mark("gRPC text"), ""])),
            (stub.Classify, classify(images=[b"a"], model=model(name=mark("gRPC model")))),
            (stub.Classify, classify(images=[b"a"], model=model(label=mark("gRPC label")))),
            (stub.Classify, classify(images=[_png(mark, WHITE)], model=model(name="slow"))),
            (stub.Predict, messages.PredictRequest(model=choice, inputs={"text": array})),
            (
                stub.Predict,
                messages.PredictRequest(
                    model=model(name="pair"),
                    inputs={
                        mark("gRPC name"): array,
                        "x": messages.Tensor(dtype=mark("gRPC type"), content=numbers),
                    },
                ),
            ),
            (unknown, mark("message of an unknown method").encode()),
            (raw, b"\xff" + mark("gRPC message that isn't one").encode()),
        ]
        for call, request in calls:
            with suppress(grpc.RpcError):
                call(request, metadata=_metadata(mark), timeout=20)


def _metadata(mark: Planted) -> tuple[tuple[str, str | bytes], ...]:
    return (
        ("authorization", f"Basic {mark('gRPC authorization')}"),
        ("baggage", mark("gRPC baggage")),
        ("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"),
        ("tracestate", f"a={mark('gRPC tracestate')}"),
        ("x-request-id", f"{mark('gRPC request id')}/"),
        ("x-canary-key", mark("gRPC canary key")),
        (mark("gRPC metadata name").lower(), mark("gRPC metadata")),
        (f"{mark('gRPC binary name').lower()}-bin", mark("gRPC binary metadata").encode()),
    )
