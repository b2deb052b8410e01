"""What calls of all kinds have in common: how they begin and end, and their memory."""

import asyncio
import logging
import math
import re
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final, TypeAlias

from service.admission import Account, Reservation
from service.errors import quoted
from service.telemetry.exchange import NO_CALLER, sane_request_id
from service.transport.grpc.messages import ENCODINGS, Message, MessageReader, decompressed
from service.transport.grpc.status import CallError, StatusCode
from service.transport.grpc.trailers import HEAD, encoded_trailers
from service.transport.http2.connection import Connection
from service.transport.http2.frames import ErrorCode
from service.transport.http2.headers import RequestHead, encoded_field, encoded_status
from service.transport.http2.stream import Stream
from service.transport.refusal_pacer import RefusalPacer

logger = logging.getLogger(__name__)

_CONTENT_TYPE: Final = re.compile(r"application/grpc(\+proto)?\s*(;.*)?", re.IGNORECASE)
_TIMEOUT: Final = re.compile(r"(\d{1,8})([HMSmun])", re.ASCII)
_SECONDS: Final = {"H": 3600.0, "M": 60.0, "S": 1.0, "m": 1e-3, "u": 1e-6, "n": 1e-9}


@dataclass(frozen=True, slots=True)
class Admitted:
    """A caller who is let in: its name, and what to call when the call is over, if anything."""

    name: str
    leave: Callable[[], None] | None = None


Admit: TypeAlias = Callable[[RequestHead, str], Admitted]


@dataclass(frozen=True, slots=True)
class CallLimits:
    """The limits of a call.

    `max_message_bytes` is for one message, compressed or not. `timeout` is the seconds that a unary
    call has from its message to the end of its answer. It has the same time for its headers and the
    beginning of its message, and for each further part of a large one. The memory of messages is
    taken from `account`. `admit` returns the name of a caller who is let in, and raises CallError
    for another. `refusals` sends the refusals of calls that are too many.
    """

    account: Account
    max_message_bytes: int
    timeout: float
    admit: Admit = lambda _head, _address: Admitted(NO_CALLER)
    refusals: RefusalPacer = field(default_factory=RefusalPacer)


class Call(ABC):
    """One call. Methods fail it by raising CallError."""

    __slots__ = (
        "_connection",
        "_encoding",
        "_has_headers",
        "_is_refused",
        "_leave",
        "_limits",
        "_reader",
        "_reservation",
        "_stream",
        "_task",
        "caller",
        "client_deadline",
        "expires",
        "head",
        "request_id",
    )

    def __init__(
        self,
        limits: CallLimits,
        max_message_bytes: int,
        connection: Connection,
        stream: Stream,
        head: RequestHead,
    ) -> None:
        self._limits = limits
        self._reader = MessageReader(max_message_bytes)
        self._reservation = Reservation(limits.account)
        self._connection = connection
        self._stream = stream
        self._encoding = "identity"
        self._has_headers = False  # whether the answer's headers were sent
        self._task: asyncio.Task[None] | None = None
        self._is_refused = False  # whether the answer is only to be sent
        self._leave: Callable[[], None] | None = None
        self.head = head
        self.caller = ""
        """The caller's name, once it is let in."""
        self.client_deadline = math.inf
        """The time of `time.monotonic()` until which the caller waits, if it says so."""
        self.expires = math.inf
        """The time at which the service ends the call, to about a second."""
        self.request_id = ""
        """The call's id. The caller gets it with the status."""

    @property
    def metadata(self) -> dict[str, str]:
        """The caller's metadata, by lower-case name. Binary values are still encoded."""
        return self.head.headers

    @abstractmethod
    def receive(self, data: bytes, *, ended: bool) -> None:
        """Take a part of the request's messages."""

    @abstractmethod
    def stop(self) -> None:
        """End long calls soon, because the server stops."""

    @abstractmethod
    def _begin(self) -> None:
        """Begin a call whose headers are valid. Raises CallError."""

    def begin(self) -> None:
        """Check what the headers say of the call, and begin."""
        head = self.head
        if head.method != "POST":
            self._connection.end(self._stream, encoded_status(405) + encoded_field("allow", "POST"))
        elif not _is_grpc(head.headers.get("content-type", "")):
            self._connection.end(self._stream, encoded_status(415))
        else:
            try:
                admitted = self._limits.admit(head, self._connection.address)
                self.caller, self._leave = admitted.name, admitted.leave
                self._read_headers(head.headers)
                self._begin()
            except CallError as error:
                self._end_paced(error)

    def _read_headers(self, headers: Mapping[str, str]) -> None:
        self._encoding = headers.get("grpc-encoding", "identity")
        if self._encoding not in ENCODINGS:
            raise CallError(
                StatusCode.UNIMPLEMENTED,
                f"The encoding {quoted(self._encoding)} isn't supported: "
                f"use {' or '.join(ENCODINGS)}.",
                {"grpc-accept-encoding": ",".join(ENCODINGS)},
            )
        if "grpc-timeout" in headers:
            self.client_deadline = time.monotonic() + _timeout(headers["grpc-timeout"])

    def sent(self) -> None:
        """Give back the memory of the answer, which the caller has read."""
        self._reservation.release()

    def cancel(self) -> None:
        """Cancel the work for the caller."""
        if self._task is not None:
            self._task.cancel()
        self._reservation.release()
        self._depart()

    def expire(self) -> None:
        """End a call at its deadline: its request, or memory for its answer, is missing."""
        if self._stream.unsent:
            self._connection.reset(self._stream, ErrorCode.CANCEL)
            self.cancel()
        else:
            self._fail(CallError(StatusCode.DEADLINE_EXCEEDED, "The call didn't end in time."))

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        self._task = asyncio.get_running_loop().create_task(work)

    async def _read(self, message: Message) -> bytes:
        compressed, data = message
        if not compressed:
            return data
        return await decompressed(data, self._encoding, self._reader.limit)

    def _fail(self, error: CallError) -> None:
        """End the call from outside, and cancel its work."""
        self.cancel()
        self._end_by(error)

    def _end_paced(self, error: CallError) -> None:
        """End the call; if it is refused because there are too many, when it is its turn."""
        if error.status is StatusCode.RESOURCE_EXHAUSTED:
            self._is_refused = True
            self._limits.refusals.send(partial(self._end_refused, error))
        else:
            self._end_by(error)

    def _end_refused(self, error: CallError) -> None:
        if self._stream.handler is self:
            self._fail(error)

    def _end_by(self, error: CallError) -> None:
        self._end(error.status, str(error), error.trailers)

    def _end_defect(self) -> None:
        logger.exception("a call of %s failed", self.head.path)
        self._end(StatusCode.INTERNAL, "The service failed: see its log.")

    def _end(
        self, status: StatusCode, message: str = "", metadata: Mapping[str, str] | None = None
    ) -> None:
        self._depart()
        trailers = self._trailers(status, message, metadata)
        self._connection.end(self._stream, trailers if self._has_headers else HEAD + trailers)

    def _depart(self) -> None:
        """Record that the caller has one call less in progress."""
        leave, self._leave = self._leave, None
        if leave is not None:
            leave()

    def _trailers(
        self, status: StatusCode, message: str = "", metadata: Mapping[str, str] | None = None
    ) -> bytes:
        if not self.request_id:
            self.request_id = sane_request_id(self.metadata.get("x-request-id"))
        return encoded_trailers(status, self.request_id, message, metadata or {})


def _is_grpc(content_type: str) -> bool:
    is_usual = content_type == "application/grpc"
    return is_usual or _CONTENT_TYPE.fullmatch(content_type) is not None


def _timeout(value: str) -> float:
    """Return the seconds that a caller allows. Raises CallError."""
    match = _TIMEOUT.fullmatch(value)
    if match is None:
        raise CallError(
            StatusCode.INVALID_ARGUMENT,
            "grpc-timeout can't be read: send up to 8 digits and a unit, like 500m or 30S.",
        )
    return int(match[1]) * _SECONDS[match[2]]
