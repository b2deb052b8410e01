"""Calls with many messages in both directions."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Final

from service.transport.grpc.call import Call, CallLimits
from service.transport.grpc.messages import Message, with_prefix
from service.transport.grpc.status import OK, CallError, StatusCode, call_error
from service.transport.grpc.trailers import HEAD
from service.transport.http2.connection import Connection
from service.transport.http2.headers import RequestHead
from service.transport.http2.stream import Stream

_MAX_UNREAD: Final = 100  # messages that wait to be read
_OVERHEAD: Final = 100  # bytes that a message takes besides its own
_MAX_MESSAGE: Final = 64 * 1024  # bytes of each of them


class StreamingCall(Call):
    """A call of a streaming method."""

    __slots__ = ("_changed", "_has_all", "_inbox", "_method")

    def __init__(
        self,
        method: "StreamingMethod",
        limits: CallLimits,
        connection: Connection,
        stream: Stream,
        head: RequestHead,
    ) -> None:
        most = min(_MAX_MESSAGE, limits.max_message_bytes)
        super().__init__(limits, most, connection, stream, head)
        self._method = method
        self._inbox: deque[Message] = deque()
        self._has_all = False  # whether the caller sends no more messages
        # Set when a message has arrived or was sent, whichever the method waits for.
        self._changed: asyncio.Future[None] | None = None

    # For methods.

    async def next_message(self) -> bytes | None:
        """Return the caller's next message, or None after the last one."""
        while not self._inbox:
            if self._has_all:
                return None
            await self._change()
        message = self._inbox.popleft()
        self._reserve_waiting()
        return await self._read(message)

    async def send(self, message: bytes) -> None:
        """Send a message; return when the caller's flow-control window has let it through."""
        if not self._has_headers:
            self._has_headers = True
            self._connection.send_headers(self._stream, HEAD)
        if not self._connection.send_data(self._stream, with_prefix(message)):
            self._reserve_waiting()
            while self._stream.unsent:
                await self._change()
            self._reserve_waiting()

    # Events of the stream.

    def receive(self, data: bytes, *, ended: bool) -> None:
        """Keep the messages until they are read."""
        try:
            self._inbox += self._reader.read(data, is_last=ended)
            self._has_all = ended
            self._reserve_waiting()
        except CallError as error:
            self._fail(error)
        else:
            self._wake()

    def sent(self) -> None:
        """Let the method send the next message."""
        self._wake()

    def stop(self) -> None:
        """End the call, which wouldn't end by itself."""
        self._fail(CallError(StatusCode.UNAVAILABLE, "The service is stopping."))

    def _begin(self) -> None:
        self.expires = self.client_deadline
        self._start(self._run())

    async def _run(self) -> None:
        try:
            await self._method(self)
        except CallError as error:
            self._end_by(error)
        except Exception:
            self._end_defect()
        else:
            self._end(OK)
        finally:
            self._reservation.release()

    async def _change(self) -> None:
        self._changed = asyncio.get_running_loop().create_future()
        await self._changed

    def _wake(self) -> None:
        if self._changed is not None and not self._changed.done():
            self._changed.set_result(None)

    def _reserve_waiting(self) -> None:
        """Reserve the memory of the messages that wait to be read, and of the one to be sent.

        Raises:
            CallError: there is no memory for them, or too many wait.
        """
        if len(self._inbox) > _MAX_UNREAD:
            raise CallError(StatusCode.RESOURCE_EXHAUSTED, "Read answers before you send more.")
        unread = self._reader.held + sum(len(data) + _OVERHEAD for _, data in self._inbox)
        size = unread + len(self._stream.unsent)
        if not self._reservation.try_resize(size):
            raise call_error(self._reservation.overloaded(size))


StreamingMethod = Callable[[StreamingCall], Awaitable[None]]
"""Reads messages by `next_message` and answers by `send`."""
