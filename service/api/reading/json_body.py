"""JSON bodies: an object with one input, or with a list of them."""

from collections.abc import Callable
from typing import Any, Final

import orjson

from service.api.reading.charsets import decode_json
from service.errors import (
    MalformedRequestError,
    TooLargeError,
    TridentError,
    UndecodableInputError,
)

_LARGE: Final = 1024 * 1024  # bytes; the values of larger bodies are counted before they are parsed
_PIECE: Final = 1024 * 1024
_SPARE_VALUES: Final = 1000  # values beside the inputs that a large body may hold


def read_json(
    body: bytes,
    charset: str,
    names: tuple[str, str],
    read: Callable[[str, Any], Any],
    max_inputs: int,
) -> tuple[list[Any], bool]:
    """Return the inputs in a JSON object, and whether they are a list there.

    An input that can't be read is replaced by its error. A field that is null is ignored.

    Args:
        body: the object.
        charset: its declared encoding, or "".
        names: the names of the field with one input, and of the field with a list.
        read: makes an input from a field's name and a value in it, or raises a TridentError.
        max_inputs: most inputs.

    Raises:
        MalformedRequestError, TooLargeError, UnsupportedMediaTypeError: for the whole body.
    """
    content = _parse(body, charset, max_inputs)
    one, several = names
    if not isinstance(content, dict):
        raise _neither(one, several)
    for name in names:
        if content.get(name, ...) is None:
            del content[name]
    if len(content.keys() & set(names)) != 1:
        raise _neither(one, several)
    if len(content) != 1:
        raise MalformedRequestError(
            f'The JSON has unknown fields: send only "{one}" or "{several}".'
        )
    if one in content:
        return [_attempt(read, one, content[one])], False
    if not isinstance(content[several], list):
        raise MalformedRequestError(f'"{several}" must be a list; send one input as "{one}".')
    return [_attempt(read, several, item) for item in content[several]], True


def _neither(one: str, several: str) -> MalformedRequestError:
    return MalformedRequestError(
        f'The JSON must be an object with either "{one}" or "{several}" (a list).'
    )


def _attempt(read: Callable[[str, Any], Any], name: str, value: Any) -> Any:
    """Return the input, or the error: one bad input must not fail the others."""
    try:
        return read(name, value)
    except TridentError as error:
        return error


def parse_json(body: bytes, charset: str) -> Any:
    """Return what a JSON body says. Raises MalformedRequestError, UnsupportedMediaTypeError."""
    return _loads(_decode(body, charset))


def _parse(body: bytes, charset: str, max_inputs: int) -> Any:
    text = _decode(body, charset)
    if len(text) > _LARGE and _count_values(text) > max_inputs + _SPARE_VALUES:
        raise TooLargeError(
            f"The JSON has too many values: a request may have at most {max_inputs} inputs."
        )
    return _loads(text)


def _decode(body: bytes, charset: str) -> bytes | str:
    try:
        return decode_json(body, charset)
    except UndecodableInputError as error:
        raise MalformedRequestError(f"The body isn't valid JSON: {error}") from error


def _loads(text: bytes | str) -> Any:
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise MalformedRequestError(
            f"The body isn't valid JSON (line {error.lineno}, column {error.colno})."
        ) from error


def _count_values(text: bytes | str) -> int:
    """Return about how many values there are in JSON.

    Two bytes of JSON can become a value of 80 bytes: 32 MB of `[[],[],...` become 1 GB.
    """
    if isinstance(text, str):
        text = text.encode(errors="replace")
    count, in_string, rest = 0, 0, b""
    for start in range(0, len(text), _PIECE):
        piece = rest + text[start : start + _PIECE]
        kept = len(piece.rstrip(b"\\"))
        kept += (len(piece) - kept) // 2 * 2  # so that no escape is cut in two
        piece, rest = piece[:kept], piece[kept:]
        bare = piece.replace(b"\\\\", b"").replace(b'\\"', b"").split(b'"')
        between = b"".join(bare[in_string::2])
        count += sum(map(between.count, (b",", b"[", b"{")))
        in_string ^= (len(bare) - 1) % 2
    return count
