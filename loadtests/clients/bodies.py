"""HTTP bodies: every documented form of a request, and some that must be refused."""

import base64
import json
from collections.abc import Sequence
from typing import Final, NamedTuple

_BOUNDARY: Final = "trident-load-test"
_MULTIPART: Final = f"multipart/form-data; boundary={_BOUNDARY}"


class Body(NamedTuple):
    """A request's body and its media type."""

    content_type: str
    content: bytes


class BadRequest(NamedTuple):
    """A request, and the status that it must be refused with."""

    target: str
    body: Body
    status: int


BAD_REQUESTS: Final = (
    BadRequest("/classify", Body("image/png", b"not an image"), 422),
    BadRequest("/classify", Body("application/json", b'{"image": "not base64!"}'), 400),
    BadRequest("/embed", Body("text/plain", b"a text"), 415),
    BadRequest("/embed", Body("image/png", b""), 400),
    BadRequest("/sentiment", Body("application/json", b'{"text": "cut sh'), 400),
    BadRequest("/sentiment?model=nobody", Body("text/plain", b"Who reads this?"), 404),
)


def make_bodies(task: str, inputs: Sequence[bytes | str]) -> list[Body]:
    """Return the inputs in each form that the task's endpoint takes."""
    if task == "sentiment":
        texts = [text for text in inputs if isinstance(text, str)]
        raw = Body("text/plain; charset=utf-8", texts[0].encode())
        forms = [_make_json("text", texts)]
    else:
        images = [image for image in inputs if isinstance(image, bytes)]
        raw = Body("image/png", images[0])
        encoded = [base64.b64encode(image).decode() for image in images]
        forms = [_make_json("image", encoded), _make_multipart(images)]
    return [raw, *forms] if len(inputs) == 1 else forms


def _make_json(field: str, values: Sequence[str]) -> Body:
    content = {field: values[0]} if len(values) == 1 else {f"{field}s": values}
    return Body("application/json", json.dumps(content).encode())


def _make_multipart(images: Sequence[bytes]) -> Body:
    head = (
        f"--{_BOUNDARY}\r\n"
        'Content-Disposition: form-data; name="image"; filename="digit.png"\r\n'
        "Content-Type: image/png\r\n\r\n"
    ).encode()
    parts = b"".join(head + image + b"\r\n" for image in images)
    return Body(_MULTIPART, parts + f"--{_BOUNDARY}--\r\n".encode())
