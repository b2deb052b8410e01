"""The interface between a connection and its requests.

Each request is carried by one object, from its headers to its answer. There are two kinds:
`EndpointRequest` for the paths of the `Application`, `AsgiRequest` for everything else.
`HttpConnection` chooses.
"""

import asyncio
from typing import Final, Protocol

from uvicorn.server import ServerState

from service.transport.http1.flow import FlowControl
from service.transport.http1.server_context import ServerContext
from service.transport.http1.transport import CountingTransport

CONTINUE: Final = b"HTTP/1.1 100 Continue\r\n\r\n"
"""The interim answer (RFC 9110, 15.2.1)."""

_SMALL_REST: Final = 256 * 1024  # bytes of a body that are worth reading to keep the connection


class Carrier(Protocol):
    """One request, as its connection sees it. The connection calls `start` when it is its turn.

    The body may arrive before that, and after the answer.
    """

    keep_alive: bool
    """Whether the connection is kept after the answer."""

    @property
    def is_open(self) -> bool:
        """Whether it is neither answered nor cancelled."""

    @property
    def is_answered(self) -> bool:
        """Whether all of the answer is written."""

    @property
    def has_begun_answer(self) -> bool:
        """Whether a part of the answer is written."""

    @property
    def wants_body(self) -> bool:
        """Whether it waits for more of its body."""

    @property
    def takes_interim_answer(self) -> bool:
        """Whether an interim answer may be written now."""

    def start(self) -> None:
        """Begin to answer."""

    def take(self, part: bytes) -> None:
        """Take a part of the body."""

    def end_body(self) -> None:
        """Record that the body is complete."""

    def give_up(self) -> None:
        """Stop answering: the client has gone, or the body can't be read."""


class CarrierConnection(Protocol):
    """A connection, as its requests see it."""

    context: ServerContext
    loop: asyncio.AbstractEventLoop
    transport: CountingTransport
    flow: FlowControl
    server_state: ServerState

    def on_answered(self) -> None:
        """Record that the current request has been answered."""


def has_small_rest(declared: int | None, *, awaits_continue: bool) -> bool:
    """Tell whether the rest of an unread body is known to be small.

    A client that waits for `CONTINUE` may send its body or not. `declared` is the
    Content-Length in bytes, if there is one.
    """
    return declared is not None and declared <= _SMALL_REST and not awaits_continue
