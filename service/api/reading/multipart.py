"""Forms (multipart/form-data, RFC 7578 and RFC 2046), parsed from a body that is in memory."""

import binascii
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from python_multipart.multipart import parse_options_header

from service.api.reading.base64_text import decode_base64
from service.api.reading.charsets import decode_text
from service.errors import (
    MalformedRequestError,
    TooLargeError,
    TridentError,
    UnsupportedMediaTypeError,
)

_MAX_HEAD: Final = 8 * 1024  # bytes of the headers of a part
_MAX_HEADERS: Final = 20
_AFTER_DELIMITER: Final = re.compile(rb"(--)?[ \t]*(\r\n|\n|\Z)")
_FILE_TYPES: Final = (b"image/", b"application/octet-stream")
_NOTHING: Final = ("", "null")  # texts that mean that a field is empty


@dataclass(slots=True)
class Field:
    """A field of a form: its name, and the file or the text in it.

    If the content can't be decoded, it is the error that says why.
    """

    name: str
    content: bytes | TridentError
    is_file: bool
    is_empty: bool
    """Whether it is what a browser sends for an empty field."""


def read_fields(body: bytes, boundary: bytes, max_fields: int) -> list[Field]:
    """Return a form's fields in their order.

    Args:
        body: the whole body. Anything before its first boundary and after its last is ignored.
        boundary: the boundary from its Content-Type.
        max_fields: most fields.

    Raises:
        MalformedRequestError: it isn't a form, or it is cut off.
        TooLargeError: it has too many fields.
    """
    fields: list[Field] = []
    for start, end in _parts(body, boundary):
        if len(fields) == max_fields:
            raise TooLargeError(
                f"The form has more than {max_fields} fields: send fewer in one request."
            )
        fields.append(_read_field(body, start, end))
    return fields


def _parts(body: bytes, boundary: bytes) -> Iterator[tuple[int, int]]:
    """Yield where each part starts and ends (RFC 2046, 5.1.1). Raises MalformedRequestError."""
    delimiter = b"\r\n--" + boundary
    at = -2 if body.startswith(delimiter[2:]) else body.find(delimiter)
    start = None
    while at != -1:
        rest = _AFTER_DELIMITER.match(body, at + len(delimiter))
        if rest is None or not (rest[1] or rest[2] == b"\r\n"):  # it is a part's content
            at = body.find(delimiter, at + len(delimiter))
            continue
        if start is not None:
            yield start, at
        if rest[1]:
            return
        start = rest.end()
        at = body.find(delimiter, start)
    raise MalformedRequestError(
        "The form isn't complete: its last boundary is missing. Send the whole form, end its "
        "lines with CR LF, and name its boundary in the Content-Type."
    )


def _read_field(body: bytes, start: int, end: int) -> Field:
    headers, start = _read_headers(body, start, end)
    disposition = headers.get(b"content-disposition", b"")
    kind, options = parse_options_header(disposition)
    if kind != b"form-data" or b"name" not in options:
        raise MalformedRequestError(
            "A part of the form has no name: give it the header Content-Disposition: form-data; "
            'name="image".'
        )
    content_type, parameters = parse_options_header(headers.get(b"content-type", b""))
    filename = options.get(b"filename", b"*" if b"filename*=" in disposition.lower() else None)
    is_file = filename is not None or content_type.lower().startswith(_FILE_TYPES)
    content = _attempt_decoding(body[start:end], headers)
    if is_file:
        is_empty = filename == b"" and not content
    else:
        is_empty = _is_nothing(content, parameters.get(b"charset", b""))
    return Field(options[b"name"].decode("latin-1"), content, is_file, is_empty)


def _read_headers(body: bytes, start: int, end: int) -> tuple[dict[bytes, bytes], int]:
    """Return a part's headers, names in lower case, and where its content starts."""
    head_end = body.find(b"\r\n\r\n", start, min(end, start + _MAX_HEAD) + 2)
    lines = body[start:head_end].replace(b"\r\n ", b" ").replace(b"\r\n\t", b" ").split(b"\r\n")
    pairs = [line.partition(b":") for line in lines]
    if head_end < 0 or len(lines) > _MAX_HEADERS or not all(colon for _, colon, _ in pairs):
        raise MalformedRequestError(
            "A part of the form has no headers, too many of them, or no empty line after them."
        )
    headers = {name.strip().lower(): content.strip() for name, _, content in pairs}
    return headers, head_end + 4


def _attempt_decoding(content: bytes, headers: dict[bytes, bytes]) -> bytes | TridentError:
    """Return a part's content without its transfer encoding, or the error."""
    encoding = headers.get(b"content-transfer-encoding", b"").lower().decode("latin-1")
    compression = headers.get(b"content-encoding", b"identity").lower().decode("latin-1")
    if compression != "identity":
        return _unsupported(f"content encoding {compression}")
    match encoding:
        case "" | "binary" | "8bit" | "7bit":
            return content
        case "quoted-printable":
            return binascii.a2b_qp(content)
        case "base64":
            try:
                return decode_base64(content)
            except MalformedRequestError as error:
                return error
        case _:
            return _unsupported(f"transfer encoding {encoding}")


def _unsupported(encoding: str) -> UnsupportedMediaTypeError:
    return UnsupportedMediaTypeError(
        f"A part of the form has the {encoding[:50]}, which isn't supported: send the file as "
        "it is."
    )


def _is_nothing(content: bytes | TridentError, charset: bytes) -> bool:
    if isinstance(content, TridentError) or len(content) > 32:
        return False
    try:
        return decode_text(content, charset.decode("latin-1")).strip() in _NOTHING
    except TridentError:
        return False
