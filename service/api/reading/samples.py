"""Which images a caller wants from a generator: a label, how many, and a seed."""

from collections.abc import Mapping
from dataclasses import dataclass
from random import getrandbits
from typing import Any, Final
from urllib.parse import parse_qsl

from service.api.reading.json_body import parse_json
from service.api.reading.media_type import parse_content_type, unsupported
from service.errors import MalformedRequestError, TooLargeError
from service.tasks.image_generation import MOST_SEED, Sample

FORM: Final = "application/x-www-form-urlencoded"

MOST_SAMPLES: Final = 64
"""Most images in one request."""

SAMPLE_WORDS: Final = {
    "label": "The name of one of the model's labels, or in JSON its number. Default: the seed "
    "chooses one for each image.",
    "count": "How many images. If it is given, the answer is a list. Default: one.",
    "seed": f"A whole number from 0 to {MOST_SEED}. The same seed gives the same images. Default: "
    "one is drawn, and the answer says which.",
}
"""The fields, and what they mean."""

SAMPLE_FIELDS: Final = frozenset(SAMPLE_WORDS)

_MOST_BYTES: Final = 64 * 1024  # of a body: far more than a label, a count and a seed have
_MOST_DIGITS: Final = 20  # of a number in a form


@dataclass(frozen=True, slots=True)
class SampleFields:
    """What a caller says; None for what is left out."""

    label: str | int | None = None
    count: int | None = None
    seed: int | None = None


def read_sample_fields(content_type: str, body: bytes) -> SampleFields:
    """Read the fields from a body: JSON, a form, or nothing.

    Raises:
        UnsupportedMediaTypeError: the body is of another type.
        MalformedRequestError: a field is unknown, or isn't what it must be.
        TooLargeError: the body is far larger than these fields.
    """
    if not body:
        return SampleFields()
    media_type, parameters = parse_content_type(content_type)
    if media_type not in ("application/json", FORM):
        raise unsupported(
            media_type,
            'label, count and seed in the URL (?label=7), as application/json {"label": "7"}, or '
            f"as {FORM} (with curl, -d label=7)",
        )
    if len(body) > _MOST_BYTES:
        raise TooLargeError(
            f"The body has {len(body)} bytes, over the limit of {_MOST_BYTES}: send a label, a "
            "count and a seed."
        )
    is_form = media_type == FORM
    given = _read_form(body) if is_form else _read_json(body, parameters.get("charset", ""))
    if not given.keys() <= SAMPLE_FIELDS:
        hint = (
            ". If it is JSON, send it as application/json" if body[:1] == b"{" and is_form else ""
        )
        raise MalformedRequestError(
            f"The body has unknown fields: send label, count and seed, or some of them{hint}."
        )
    return SampleFields(_label(given.get("label")), _whole("count", given), _whole("seed", given))


def make_samples(fields: SampleFields, max_inputs: int) -> list[Sample]:
    """Return the samples that a request asks for. Without a seed one is drawn.

    Raises:
        MalformedRequestError: the count or the seed is out of its range.
        TooLargeError: the count is over the limit.
    """
    count = 1 if fields.count is None else fields.count
    seed = getrandbits(32) if fields.seed is None else fields.seed
    most = min(MOST_SAMPLES, max_inputs)
    if count < 1:
        raise MalformedRequestError(f"The count must be a whole number from 1 to {most}.")
    if count > most:
        raise TooLargeError(
            f"A request may ask for at most {most} images: send several requests, each with a "
            "seed of its own."
        )
    if not 0 <= seed <= MOST_SEED:
        raise _no_seed()
    return [Sample(fields.label, seed, index) for index in range(count)]


def _read_json(body: bytes, charset: str) -> Mapping[str, Any]:
    content = parse_json(body, charset)
    if not isinstance(content, dict):
        raise MalformedRequestError(
            'The JSON must be an object with label, count and seed: {"label": "7", "count": 4}.'
        )
    return content


def _read_form(body: bytes) -> Mapping[str, Any]:
    """Return the fields of a form that aren't empty; of several with one name the last."""
    fields = parse_qsl(body.decode(errors="replace"), keep_blank_values=True)
    return {
        name: value if name == "label" else _number(value)
        for name, value in fields
        if value or name not in SAMPLE_FIELDS
    }


def _number(value: str) -> int | str:
    is_number = value.isascii() and value.isdecimal() and len(value) <= _MOST_DIGITS
    return int(value) if is_number else value


def _label(value: Any) -> str | int | None:
    if value is None or (isinstance(value, str | int) and not isinstance(value, bool)):
        return value
    raise MalformedRequestError("The label must be the name of a label, or in JSON its number.")


def _whole(name: str, given: Mapping[str, Any]) -> int | None:
    value = given.get(name)
    if value is None or type(value) is int:
        return value
    if name == "seed":
        raise _no_seed()
    raise MalformedRequestError(f"The count must be a whole number from 1 to {MOST_SAMPLES}.")


def _no_seed() -> MalformedRequestError:
    return MalformedRequestError(f"The seed must be a whole number from 0 to {MOST_SEED}.")
