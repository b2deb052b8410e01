"""The Content-Type of a request."""

from collections.abc import Mapping
from functools import lru_cache

from python_multipart.multipart import parse_options_header

from service.errors import UnsupportedMediaTypeError


@lru_cache(maxsize=64)
def parse_content_type(header: str) -> tuple[str, Mapping[str, str]]:
    """Return the media type in lower case, and its parameters."""
    media_type, semicolon, _ = header.partition(";")
    if not semicolon:
        return media_type.strip().lower(), {}
    _, parameters = parse_options_header(header)
    return media_type.strip().lower(), {
        name.decode("latin-1"): content.decode("latin-1").strip(" '")
        for name, content in parameters.items()
    }


def unsupported(content_type: str, expected: str) -> UnsupportedMediaTypeError:
    """Return the error of a request whose type isn't one of those that are expected."""
    sent = f"The content type {content_type[:100]}" if content_type else "A missing content type"
    return UnsupportedMediaTypeError(
        f"{sent} isn't supported: send {expected}, and name its type in the Content-Type header."
    )
