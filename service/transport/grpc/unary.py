"""Calls with one message and one answer."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final

from service.errors import OverloadedError
from service.transport.compression import most_held
from service.transport.grpc.call import Call, CallLimits
from service.transport.grpc.messages import Message, with_prefix
from service.transport.grpc.status import OK, CallError, StatusCode, call_error
from service.transport.grpc.trailers import HEAD
from service.transport.http2.connection import Connection
from service.transport.http2.flow import STREAM_WINDOW
from service.transport.http2.frames import ErrorCode
from service.transport.http2.headers import RequestHead
from service.transport.http2.stream import Stream

_SLACK: Final = 1.0  # seconds after a deadline in which a call may still end by itself
_PROGRESS: Final = 64 * 1024  # bytes of a large message that must arrive within each time-out


@dataclass(frozen=True, slots=True)
class UnaryMethod:
    """The function that answers a call with one message.

    `answer` takes that message and returns the one of the answer. One byte of the message becomes
    up to `growth` bytes in the inputs. `refuse` takes it first, if it isn't compressed, and returns
    how the call fails if it is refused at once.
    """

    answer: Callable[[Call, bytes], Awaitable[bytes]]
    growth: int = 1
    refuse: Callable[[Call, bytes], CallError | None] = lambda _call, _message: None


class UnaryCall(Call):
    """A call of a unary method."""

    __slots__ = ("_has_room", "_messages", "_method", "_progress")

    def __init__(
        self,
        method: UnaryMethod,
        limits: CallLimits,
        connection: Connection,
        stream: Stream,
        head: RequestHead,
    ) -> None:
        super().__init__(limits, limits.max_message_bytes, connection, stream, head)
        self._method = method
        self._messages: list[Message] = []
        self._has_room: bool | None = None  # None if it hasn't been requested
        self._progress = 0

    def receive(self, data: bytes, *, ended: bool) -> None:
        """Collect the message, and answer it when the request is complete."""
        if self._is_refused:
            return
        try:
            self._messages += self._reader.read(data, is_last=ended)
            self._proceed(len(data), ended=ended)
        except CallError as error:
            self._fail(error)

    def stop(self) -> None:
        """Go on: the call has a deadline."""

    def _begin(self) -> None:
        self._renew_expiry()

    def _proceed(self, size: int, *, ended: bool) -> None:
        """Continue as far as the message and the memory for it allow: `size` bytes have arrived."""
        if self._has_room is None and self._reader.first is not None:
            self._ask_for_room(*self._reader.first, ended=ended)
        if ended or len(self._messages) > 1 or (self._messages and self._reader.held):
            if self._has_room is not False:
                self._renew_expiry()
                self._check_only_message()
                self._refuse_or_answer()
            return
        self._progress += size
        if self._progress >= _PROGRESS:
            self._progress = 0
            self._renew_expiry()

    def _renew_expiry(self) -> None:
        self.expires = min(self.client_deadline, time.monotonic() + self._limits.timeout) + _SLACK

    def _ask_for_room(self, is_compressed: bool, length: int, *, ended: bool) -> None:  # noqa: FBT001
        """Reserve a message's memory, from its arrival to its answer."""
        layers = 1 if is_compressed else 0
        size = most_held(length, layers, self._method.growth, self._reader.limit)
        self._has_room = self._reservation.try_reserve(size)
        if not self._has_room:
            self._stream.receive_window.is_held_back = True
            self._start(self._wait_for_room(size, length))
        elif length > STREAM_WINDOW and not ended:
            self._connection.grant(self._stream, length)

    async def _wait_for_room(self, size: int, length: int) -> None:
        try:
            async with asyncio.timeout(self._limits.timeout):
                await self._reservation.reserve(size)
        except TimeoutError:
            self._end_by(call_error(self._reservation.overloaded(size)))
            return
        except OverloadedError as error:
            self._end_by(call_error(error))
            return
        self._has_room = True
        self._renew_expiry()
        self._connection.grant(self._stream, length)
        try:
            self._proceed(0, ended=self._stream.has_whole_request)
        except CallError as error:
            self._end_by(error)
            self._reservation.release()

    def _check_only_message(self) -> None:
        """Refuse more or fewer (gRPC's statuscodes.md: request cardinality violation)."""
        if len(self._messages) != 1 or self._reader.held:
            raise CallError(StatusCode.UNIMPLEMENTED, "The method takes exactly one message.")

    def _refuse_or_answer(self) -> None:
        is_compressed, message = self._messages[0]
        refusal = None if is_compressed else self._method.refuse(self, message)
        if refusal is None:
            self._start(self._answer())
        else:
            self._messages.clear()
            self._reservation.release()
            self._end_paced(refusal)

    async def _answer(self) -> None:
        is_sent = True
        try:
            # Nothing here keeps the message: the method may delete it before it answers.
            answer = await self._method.answer(self, await self._read(self._messages.pop()))
            trailers = self._trailers(OK)
            is_sent = self._connection.answer(self._stream, HEAD, with_prefix(answer), trailers)
        except CallError as error:
            self._end_paced(error)
        except Exception:
            self._end_defect()
        finally:
            self._depart()
            if is_sent:
                self._reservation.release()
            else:
                self._reserve_unsent()

    def _reserve_unsent(self) -> None:
        """Reserve the answer's memory until the caller's flow-control window lets it through."""
        if not self._reservation.try_resize(len(self._stream.unsent)):
            self._connection.reset(self._stream, ErrorCode.ENHANCE_YOUR_CALM)
