"""Base64 as people send it: in either alphabet, padded or not, in lines, or as a data: URL."""

import binascii
from typing import Final

from service.errors import MalformedRequestError

_STANDARD: Final = bytes.maketrans(b"-_", b"+/")
_WHITESPACE: Final = b" \t\r\n\f\v"
_DATA_URL: Final = b"data:"
_MAX_PREFIX: Final = 256  # characters of a data: URL before its data


def decode_base64(text: str | bytes) -> bytes:
    """Return the bytes that a base64 text encodes (RFC 4648, section 4 or 5).

    Raises:
        MalformedRequestError: it isn't base64.
    """
    try:
        try:
            return binascii.a2b_base64(text, strict_mode=True)
        except binascii.Error:
            return _decode_leniently(text.encode("ascii") if isinstance(text, str) else text)
    except ValueError:  # binascii.Error, and text beyond ASCII
        raise MalformedRequestError(
            "The image isn't valid base64: send the file's bytes as base64, alone or as a "
            "data:image/png;base64, URL."
        ) from None


def _decode_leniently(text: bytes) -> bytes:
    """Decode what isn't standard base64. Raises binascii.Error."""
    text = _without_prefix(text.lstrip(_WHITESPACE)).translate(_STANDARD, _WHITESPACE)
    bare = text.rstrip(b"=")
    if len(text) - len(bare) > 2:
        raise binascii.Error
    return binascii.a2b_base64(bare + b"=" * (-len(bare) % 4), strict_mode=True)


def _without_prefix(text: bytes) -> bytes:
    """Return the data of a data: URL (RFC 2397), or the text itself. Raises binascii.Error."""
    if text[: len(_DATA_URL)].lower() != _DATA_URL:
        return text
    comma = text.find(b",", 0, _MAX_PREFIX)
    if comma < 0 or not text[:comma].lower().rstrip().endswith(b";base64"):
        raise binascii.Error
    return text[comma + 1 :]
