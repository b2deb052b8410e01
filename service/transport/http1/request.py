"""An HTTP request and its answer, as plain data."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from starlette.types import Receive

from service.admission import Reservation
from service.telemetry.exchange import NO_CALLER


@dataclass(slots=True)
class HttpRequest:
    """A request whose body is still to be read, by ASGI's `receive`. Header names in lower case."""

    path: str
    headers: Mapping[str, str]
    query: Mapping[str, str]
    receive: Receive
    cancelled_when_gone: bool = False
    """Whether its carrier cancels the answering task when the client goes."""
    reservation: Reservation | None = None
    """What its carrier has already reserved for its body."""
    caller: str = NO_CALLER
    """The name of whoever sent it."""


@dataclass(slots=True)
class HttpResponse:
    """An answer: status code, body and headers, the content type among them."""

    status: int
    body: bytes
    headers: dict[str, str] = field(default_factory=dict)


def read_headers(raw: Sequence[tuple[bytes, bytes]]) -> dict[str, str]:
    """Return headers by their names, which are in lower case.

    Of several with the same name the last counts; only the encodings of a body are joined.
    """
    headers = {name.decode("latin-1"): content.decode("latin-1") for name, content in raw}
    if len(headers) < len(raw) and "content-encoding" in headers:
        encodings = [content for name, content in raw if name == b"content-encoding"]
        headers["content-encoding"] = b", ".join(encodings).decode("latin-1")
    return headers
