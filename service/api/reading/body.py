"""Reading a request's body over ASGI, and noticing that the client has disconnected."""

import asyncio
from collections.abc import Coroutine
from typing import Any, Final, TypeVar

from starlette.types import Receive

from service.admission import Reservation
from service.api.reading.content_encoding import decode_body, read_encodings
from service.errors import AbandonedError, TooLargeError
from service.transport.compression import most_held
from service.transport.http1.request import HttpRequest

Answer = TypeVar("Answer")

_FIRST_PART: Final = 64 * 1024  # bytes reserved for a body of unknown length, which may be small


class BodyReader:
    """Reads bodies, each when there is memory for it and for its inputs."""

    def __init__(self, max_bytes: int, patience: float) -> None:
        """Accept bodies of up to `max_bytes`; each waits up to `patience` seconds for memory."""
        self._max_bytes = max_bytes
        self._patience = patience

    async def read(self, request: HttpRequest, reservation: Reservation, growth: int) -> bytes:
        """Read a whole body as it was sent; call `decode` next.

        Args:
            request: the request whose body is read.
            reservation: the request's memory; it is extended so that `decode` and the inputs fit.
            growth: the most bytes in the inputs that one byte of the body can become.

        Raises:
            TooLargeError: the body, or its Content-Length, is over the limit.
            OverloadedError: no memory became free for it in time.
            UnsupportedMediaTypeError: its content encoding is unknown.
            AbandonedError: the client disconnected before the end of the body.
        """
        declared = request.headers.get("content-length", "")
        length = int(declared) if declared.isdecimal() else None
        if length is not None and length > self._max_bytes:
            raise self._too_large()
        layers = len(_encodings(request))
        expected = _FIRST_PART if length is None else length
        if layers or expected * growth > reservation.size:  # its carrier hasn't reserved enough
            await self._reserve(reservation, most_held(expected, layers, growth, self._max_bytes))
        parts = bytearray()
        while True:
            message = await request.receive()
            if message["type"] != "http.request":
                raise AbandonedError("The client disconnected before the end of its request.")
            part: bytes = message.get("body", b"")
            size = len(parts) + len(part)
            if size > self._max_bytes:
                raise self._too_large()
            if size > expected:
                most = most_held(self._max_bytes, layers, growth, self._max_bytes)
                await self._reserve(reservation, most)
            is_last = not message.get("more_body")
            if is_last and not parts:
                return part
            parts += part
            if is_last:
                return bytes(parts)

    async def decode(
        self, body: bytes, request: HttpRequest, reservation: Reservation, growth: int
    ) -> bytes:
        """Return a body decompressed; reserve the memory that its inputs need.

        Raises:
            MalformedRequestError, TooLargeError: as their names say.
        """
        encodings = _encodings(request)
        if encodings:
            body = await decode_body(body, encodings, self._max_bytes)
        reservation.shrink(len(body) * growth)
        return body

    async def _reserve(self, reservation: Reservation, size: int) -> None:
        if size <= reservation.size or (not reservation.size and reservation.try_reserve(size)):
            return
        try:
            async with asyncio.timeout(self._patience):
                await reservation.reserve(size)
        except TimeoutError:
            raise reservation.overloaded(size) from None

    def _too_large(self) -> TooLargeError:
        return TooLargeError(
            f"The body is over the limit of {self._max_bytes} bytes: send smaller images, or fewer "
            "in one request."
        )


def _encodings(request: HttpRequest) -> list[str]:
    header = request.headers.get("content-encoding")
    return read_encodings(header) if header else []


async def unless_gone(answer: Coroutine[Any, Any, Answer], receive: Receive) -> Answer:
    """Await `answer`. If the client disconnects, cancel it and raise AbandonedError.

    The request's body must have been read.
    """
    answering = asyncio.ensure_future(answer)
    watching = asyncio.ensure_future(_until_gone(receive))
    try:
        await asyncio.wait((answering, watching), return_when=asyncio.FIRST_COMPLETED)
        if not answering.done():
            raise AbandonedError("The client disconnected before its answer.")
        return answering.result()
    finally:
        answering.cancel()
        watching.cancel()


async def _until_gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
