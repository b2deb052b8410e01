"""What users ask a generator of digits for, and whether an answer is that."""

import base64
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from random import Random
from typing import Any, Final
from urllib.parse import urlencode

from loadtests.clients.answers import BadAnswerError
from loadtests.clients.bodies import Body
from service.api.trident import inference_pb2 as messages

LABELS: Final = tuple("0123456789")
MOST: Final = 16

_FORM: Final = "application/x-www-form-urlencoded"
_PNG: Final = b"\x89PNG\r\n\x1a\n"


@dataclass(frozen=True, slots=True)
class Wish:
    """The label, the number and the seed of the images that are wanted."""

    label: str
    count: int
    seed: int


def draw_wish(source: Random) -> Wish:
    """Return a wish: half of them for a single image."""
    count = 1 if source.random() < 0.5 else source.randint(2, MOST)
    return Wish(source.choice(LABELS), count, source.getrandbits(32))


def http_forms(wish: Wish) -> list[tuple[str, Body]]:
    """Return the target and the body of each documented form of a request."""
    fields = asdict(wish)
    written = urlencode(fields)
    return [
        (f"/generate?{written}", Body("", b"")),
        ("/generate", Body(_FORM, written.encode())),
        ("/generate", Body("application/json", json.dumps(fields).encode())),
    ]


def grpc_request(wish: Wish) -> messages.GenerateRequest:
    """Return the message of a call."""
    return messages.GenerateRequest(**asdict(wish))


def check_http(wish: Wish, content: bytes) -> None:
    """Raise BadAnswerError if an answer in JSON isn't what was wished."""
    try:
        answers = json.loads(content)
        images = [(base64.b64decode(one["image"]), one["label"], one["seed"]) for one in answers]
    except (ValueError, KeyError, TypeError) as error:
        raise BadAnswerError(f"the answer can't be read: {type(error).__name__}") from error
    _check(wish, images)


def check_grpc(wish: Wish, response: Any) -> None:
    """Raise BadAnswerError if a GenerateResponse isn't what was wished."""
    if any(result.WhichOneof("outcome") != "image" for result in response.results):
        raise BadAnswerError("an image is an error")
    images = [(r.image.png, r.image.label, r.image.seed) for r in response.results]
    _check(wish, images)


def _check(wish: Wish, images: Sequence[tuple[bytes, str, int]]) -> None:
    if len(images) != wish.count:
        raise BadAnswerError("not as many images as were wanted")
    if any((label, seed) != (wish.label, wish.seed) for _, label, seed in images):
        raise BadAnswerError("an image has another label or seed")
    if not all(file.startswith(_PNG) for file, _, _ in images):
        raise BadAnswerError("an image isn't a PNG")
    if len({file for file, _, _ in images}) != len(images):
        raise BadAnswerError("two images of one request are the same")
