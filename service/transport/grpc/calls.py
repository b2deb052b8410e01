"""gRPC on top of HTTP/2: what makes a stream a call (gRPC's PROTOCOL-HTTP2.md)."""

import asyncio
import logging
import math
import re
import string
import time
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote

from service.admission import Account, Reservation, overloaded
from service.errors import OverloadedError
from service.telemetry.exchange import sane_request_id
from service.transport.compression import most_held
from service.transport.grpc.messages import (
    ENCODINGS,
    Message,
    MessageReader,
    decompressed,
    with_prefix,
)
from service.transport.grpc.status import CallError, StatusCode, retry_after
from service.transport.http2.connection import Connection
from service.transport.http2.flow import STREAM_WINDOW
from service.transport.http2.frames import ErrorCode
from service.transport.http2.headers import Request, encoded_field, encoded_status
from service.transport.http2.stream import Stream

logger = logging.getLogger(__name__)

_CONTENT_TYPE: Final = re.compile(r"application/grpc(\+proto)?\s*(;.*)?", re.IGNORECASE)
_TIMEOUT: Final = re.compile(r"(\d{1,8})([HMSmun])", re.ASCII)
_SECONDS: Final = {"H": 3600.0, "M": 60.0, "S": 1.0, "m": 1e-3, "u": 1e-6, "n": 1e-9}
_SLACK: Final = 1.0  # seconds after a deadline in which a call can still end by itself
_MAX_UNREAD: Final = 100  # messages of a stream that wait to be read
_MAX_STREAMED: Final = 64 * 1024  # bytes of each of them
_PROGRESS: Final = 64 * 1024  # bytes of a large message that must come in each span of a time-out
_MAX_TEXT: Final = 1_000  # characters of a status message
_PLAIN: Final = "".join(set(string.printable[:95]) - {"%"})  # what a message may hold as it is

_HEAD: Final = encoded_status(200) + encoded_field("content-type", "application/grpc")
_STATUS: Final = {code: encoded_field("grpc-status", str(code.value)) for code in StatusCode}


@dataclass(frozen=True, slots=True)
class UnaryMethod:
    """What answers a call of one message.

    `answer` takes that message and returns the one of the answer. A byte of the message becomes up
    to `growth` bytes in what is made of it.
    """

    answer: Callable[["Call", bytes], Awaitable[bytes]]
    growth: int = 1


StreamingMethod = Callable[["Call"], Awaitable[None]]
"""Reads messages by `receive` and answers by `send`."""


@dataclass(frozen=True, slots=True)
class Service:
    """What is called here, by path, and what a call may take.

    `max_message_bytes` is for one message, compressed or not; `timeout` the seconds that a unary
    call has from its message to the end of its answer. It may have as long for its headers and the
    beginning of its message, and for each further part of a large one. What messages hold is taken
    from `account`.
    """

    unary: Mapping[str, UnaryMethod]
    streaming: Mapping[str, StreamingMethod]
    account: Account
    max_message_bytes: int
    timeout: float

    def call(self, connection: Connection, number: int, request: Request) -> "Call":
        """Make a call of a request."""
        return Call(self, connection, number, request)


class Call(Stream):
    """One call. Methods fail it by raising CallError."""

    __slots__ = (
        "_arrival",
        "_encoding",
        "_has_head",
        "_has_room",
        "_inbox",
        "_method",
        "_progress",
        "_reader",
        "_reservation",
        "_service",
        "_task",
        "client_deadline",
        "request_id",
    )

    def __init__(
        self, service: Service, connection: Connection, number: int, request: Request
    ) -> None:
        super().__init__(connection, number, request)
        self._service = service
        self._reader = MessageReader(service.max_message_bytes)
        self._reservation = Reservation(service.account)
        self._has_room: bool | None = None  # None if it hasn't been asked for
        self._progress = 0
        self._method: UnaryMethod | None = None
        self._encoding = "identity"
        self._inbox: deque[Message] = deque()
        self._arrival: asyncio.Future[None] | None = None
        self._task: asyncio.Task[None] | None = None
        self._has_head = False
        self.client_deadline = math.inf
        """The point of `time.monotonic()` at which the caller gives up, if it said so."""
        self.request_id = ""
        """What the caller knows the call by. It comes back with the status."""

    @property
    def metadata(self) -> dict[str, str]:
        """What the caller sent along, by lower-case name. Binary values are as they came."""
        return self.request.headers

    # For streaming methods.

    async def receive(self) -> bytes | None:
        """Return the caller's next message, or None after the last one."""
        while not self._inbox:
            if self.ended:
                return None
            self._arrival = asyncio.get_running_loop().create_future()
            await self._arrival
        message = self._inbox.popleft()
        self._reserve_unread()
        return await self._read(message)

    async def send(self, message: bytes) -> None:
        """Send a message; return once the caller has made room for it."""
        if not self._has_head:
            self._has_head = True
            self.send_head(_HEAD)
        await self.send_body(with_prefix(message))

    # Events of the stream.

    def begin(self) -> None:
        """Find the method, and what the headers say of the call."""
        request = self.request
        if request.method != "POST":
            self.finish(encoded_status(405) + encoded_field("allow", "POST"))
        elif not _CONTENT_TYPE.fullmatch(request.headers.get("content-type", "")):
            self.finish(encoded_status(415))
        else:
            try:
                self._begin(request)
            except CallError as error:
                self._fail(error)

    def _begin(self, request: Request) -> None:
        self._encoding = request.headers.get("grpc-encoding", "identity")
        if self._encoding not in ENCODINGS:
            raise CallError(
                StatusCode.UNIMPLEMENTED,
                f"Messages compressed by {self._encoding} aren't understood.",
                {"grpc-accept-encoding": ",".join(ENCODINGS)},
            )
        if "grpc-timeout" in request.headers:
            self.client_deadline = time.monotonic() + _timeout(request.headers["grpc-timeout"])
        self._method = self._service.unary.get(request.path)
        if self._method is not None:
            self._renew_deadline()
        elif request.path in self._service.streaming:
            self._reader = MessageReader(min(_MAX_STREAMED, self._service.max_message_bytes))
            self.deadline = self.client_deadline
            self._start(self._stream(self._service.streaming[request.path]))
        else:
            raise CallError(StatusCode.UNIMPLEMENTED, f"There is no method {request.path}.")

    def take_body(self, data: bytes) -> None:
        """Gather messages: all that there is of a unary call, the next ones of a stream."""
        try:
            self._inbox += self._reader.read(data, is_last=self.ended)
            if self._method is None:
                self._notify()
            else:
                self._proceed(self._method, len(data))
        except CallError as error:
            self._fail(error)

    def gone(self) -> None:
        """Cancel what is being done for the caller."""
        if self._task is not None:
            self._task.cancel()
        self._reservation.release()

    def expire(self) -> None:
        """End a call that missed its deadline: it lacks its request, or room for its answer."""
        if self.is_stuck:
            self.reset(ErrorCode.CANCEL)
        else:
            self._fail(CallError(StatusCode.DEADLINE_EXCEEDED, "The call wasn't over in time."))

    def stop(self) -> None:
        """End a stream of messages, which has no end of its own."""
        if self._method is None:
            self._fail(CallError(StatusCode.UNAVAILABLE, "The service is stopping."))

    # The call's course.

    def _proceed(self, method: UnaryMethod, size: int) -> None:
        """Go on with a unary call, as far as its message and the room for it allow.

        `size` bytes have come.
        """
        if self._has_room is None and self._reader.first is not None:
            self._ask_for_room(method, *self._reader.first)
        if self.ended or len(self._inbox) > 1 or (self._inbox and self._reader.held):
            if self._has_room is not False:
                self._renew_deadline()
                self._check_only_message()
                self._start(self._answer(method))
            return
        self._progress += size
        if self._progress >= _PROGRESS:
            self._progress = 0
            self._renew_deadline()

    def _renew_deadline(self) -> None:
        self.deadline = min(self.client_deadline, time.monotonic() + self._service.timeout) + _SLACK

    def _ask_for_room(self, method: UnaryMethod, is_compressed: bool, length: int) -> None:  # noqa: FBT001
        """Ask for what a message holds, from its coming to its answer."""
        layers = 1 if is_compressed else 0
        size = most_held(length, layers, method.growth, self._reader.limit)
        self._has_room = self._reservation.try_reserve(size)
        if not self._has_room:
            self.hold_back()
            self._start(self._wait_for_room(method, size, length))
        elif length > STREAM_WINDOW and not self.ended:
            self.widen(length)

    async def _wait_for_room(self, method: UnaryMethod, size: int, length: int) -> None:
        try:
            async with asyncio.timeout(self._service.timeout):
                await self._reservation.reserve(size)
        except (TimeoutError, OverloadedError):
            error = overloaded()
            self._end(StatusCode.RESOURCE_EXHAUSTED, str(error), retry_after(error))
            return
        self._has_room = True
        self._renew_deadline()
        if not self.ended:
            self.widen(length)
        try:
            self._proceed(method, 0)
        except CallError as error:
            self._end(error.status, str(error), error.trailers)
            self._reservation.release()

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        self._task = asyncio.get_running_loop().create_task(work)

    async def _answer(self, method: UnaryMethod) -> None:
        try:
            # Nothing here keeps the message: the method may be done with it before it answers.
            answer = await method.answer(self, await self._read(self._inbox.popleft()))
        except CallError as error:
            self._end(error.status, str(error), error.trailers)
        except Exception:
            self._end_defect()
        else:
            self.answer(_HEAD, with_prefix(answer), self._trailers(StatusCode.OK))
        finally:
            self._reservation.release()

    async def _stream(self, method: StreamingMethod) -> None:
        try:
            await method(self)
        except CallError as error:
            self._end(error.status, str(error), error.trailers)
        except Exception:
            self._end_defect()
        else:
            self._end(StatusCode.OK)
        finally:
            self._reservation.release()

    async def _read(self, message: Message) -> bytes:
        compressed, data = message
        if not compressed:
            return data
        return await decompressed(data, self._encoding, self._reader.limit)

    def _check_only_message(self) -> None:
        """Refuse another number (gRPC's statuscodes.md: request cardinality violation)."""
        if len(self._inbox) != 1 or self._reader.held:
            raise CallError(StatusCode.UNIMPLEMENTED, "The method takes exactly one message.")

    def _notify(self) -> None:
        if len(self._inbox) > _MAX_UNREAD:
            raise CallError(StatusCode.RESOURCE_EXHAUSTED, "Read the answers before asking more.")
        self._reserve_unread()
        if self._arrival is not None and not self._arrival.done():
            self._arrival.set_result(None)

    def _reserve_unread(self) -> None:
        """Hold what the messages of a stream take until they are read."""
        size = self._reader.held + sum(len(data) for _, data in self._inbox)
        self._reservation.shrink(size)
        if size > self._reservation.size:
            self._reservation.release()
            if not self._reservation.try_reserve(size):
                error = overloaded()
                raise CallError(StatusCode.RESOURCE_EXHAUSTED, str(error), retry_after(error))

    def _fail(self, error: CallError) -> None:
        """End the call from without, whatever is being done for it."""
        self.gone()
        self._end(error.status, str(error), error.trailers)

    def _end_defect(self) -> None:
        logger.exception("a call of %s failed", self.request.path)
        self._end(StatusCode.INTERNAL, "The service failed, see its log.")

    def _end(
        self, status: StatusCode, message: str = "", trailers: Mapping[str, str] | None = None
    ) -> None:
        block = self._trailers(status, message, trailers)
        self.finish(block if self._has_head else _HEAD + block)

    def _trailers(
        self, status: StatusCode, message: str = "", trailers: Mapping[str, str] | None = None
    ) -> bytes:
        """Return the trailers. Their message is percent-encoded UTF-8."""
        if not self.request_id:
            self.request_id = sane_request_id(self.metadata.get("x-request-id"))
        tail = _STATUS[status] + encoded_field("x-request-id", self.request_id)
        if message:
            tail += encoded_field("grpc-message", quote(message[:_MAX_TEXT], _PLAIN))
        for name, value in (trailers or {}).items():
            tail += encoded_field(name, value)
        return tail


def _timeout(value: str) -> float:
    """Return the seconds that a caller allows. Raises CallError."""
    match = _TIMEOUT.fullmatch(value)
    if match is None:
        raise CallError(StatusCode.INVALID_ARGUMENT, "grpc-timeout isn't one: say 500m or 30S.")
    return int(match[1]) * _SECONDS[match[2]]
