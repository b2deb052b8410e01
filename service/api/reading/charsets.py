"""Text in the encoding that a caller declares (the charset of a Content-Type)."""

import codecs
import encodings
import json
import pkgutil
from encodings.aliases import aliases
from functools import lru_cache
from typing import Final

from service.errors import UndecodableInputError, UnsupportedMediaTypeError

# For any other name Python would look for a module, and would keep in memory for ever that there is
# none.
_CODECS: Final = {module.name for module in pkgutil.iter_modules(encodings.__path__)}
_PYTHONS_OWN: Final = frozenset(
    [
        "charmap",
        "idna",
        "mbcs",
        "oem",
        "punycode",
        "raw_unicode_escape",
        "undefined",
        "unicode_escape",
    ]
)
_BYTE_ORDER_MARKS: Final = (
    (codecs.BOM_UTF8, "utf_8"),
    (codecs.BOM_UTF32_LE, "utf_32_le"),  # begins with the mark of UTF-16
    (codecs.BOM_UTF32_BE, "utf_32_be"),
    (codecs.BOM_UTF16_LE, "utf_16_le"),
    (codecs.BOM_UTF16_BE, "utf_16_be"),
)
_FIRST_OF_MARKS: Final = {mark[:1] for mark, _ in _BYTE_ORDER_MARKS}
_SAMPLE: Final = 1024  # bytes from which the byte order is guessed


def decode_text(body: bytes, charset: str) -> str:
    """Decode a text in the encoding that its sender declared; `charset` is empty if there is none.

    A byte order mark at its start is removed. It determines the encoding if none is declared.

    Raises:
        UnsupportedMediaTypeError: the encoding is unknown.
        UndecodableInputError: the text isn't in it.
    """
    return _decode(body, _codec(body, charset or "utf-8"), charset)


def decode_json(body: bytes, charset: str) -> bytes | str:
    """Return JSON in a form that the parser accepts: UTF-8 without a byte order mark, or text.

    Raises what `decode_text` raises. Without a declared encoding JSON may be UTF-8, UTF-16 or
    UTF-32.
    """
    codec = _codec(body, charset or json.detect_encoding(body[:4]))
    if codec == "utf_8":
        return body.removeprefix(codecs.BOM_UTF8)
    return _decode(body, codec, charset)


def _decode(body: bytes, codec: str, declared: str) -> str:
    try:
        return body.decode(codec).removeprefix("\ufeff")
    except LookupError as error:  # Python has it, but it doesn't encode text
        raise _unsupported(declared) from error
    except UnicodeError as error:
        where = f" (byte {error.start} is wrong)" if isinstance(error, UnicodeDecodeError) else ""
        advice = "" if declared else "encode it as UTF-8, or "
        raise UndecodableInputError(
            f"The text isn't {declared or 'UTF-8'}{where}: {advice}declare the encoding "
            "that it has with charset= in its Content-Type."
        ) from error


def _codec(body: bytes, charset: str) -> str:
    """Return Python's name for an encoding, the order of its bytes included."""
    codec = _known_codec(charset)
    if not codec.startswith("utf_"):
        return codec
    if body[:1] in _FIRST_OF_MARKS:
        for mark, marked in _BYTE_ORDER_MARKS:
            if body.startswith(mark):
                return marked
    return codec + _order(body) if codec in ("utf_16", "utf_32") else codec


@lru_cache(maxsize=64)
def _known_codec(charset: str) -> str:
    name = _normal(charset)
    codec = aliases.get(name, name)
    if codec not in _CODECS or codec in _PYTHONS_OWN:
        raise _unsupported(charset)
    return codec


def _order(body: bytes) -> str:
    """Guess the byte order of UTF-16 or UTF-32: in most texts the upper bytes are zeros."""
    evens, odds = body[:_SAMPLE:2].count(0), body[1:_SAMPLE:2].count(0)
    if evens == odds:
        return "_be" if body[:1] == b"\0" else "_le"
    return "_be" if evens > odds else "_le"


def _normal(charset: str) -> str:
    return encodings.normalize_encoding(charset).lower()


def _unsupported(charset: str) -> UnsupportedMediaTypeError:
    return UnsupportedMediaTypeError(
        f"The charset {charset[:50]} isn't known here: encode the text as UTF-8."
    )
