"""The methods of a server, by path."""

from collections.abc import Mapping
from dataclasses import dataclass

from service.errors import quoted
from service.transport.grpc.call import Call, CallLimits
from service.transport.grpc.status import CallError, StatusCode
from service.transport.grpc.streaming import StreamingCall, StreamingMethod
from service.transport.grpc.unary import UnaryCall, UnaryMethod
from service.transport.http2.connection import Connection
from service.transport.http2.headers import RequestHead
from service.transport.http2.stream import Stream


@dataclass(frozen=True, slots=True)
class MethodTable:
    """The methods, by path such as `/package.Service/Method`, and the limits of their calls."""

    unary: Mapping[str, UnaryMethod]
    streaming: Mapping[str, StreamingMethod]
    limits: CallLimits

    def call(self, connection: Connection, stream: Stream, head: RequestHead) -> Call:
        """Make the call for a request."""
        unary = self.unary.get(head.path)
        if unary is not None:
            return UnaryCall(unary, self.limits, connection, stream, head)
        streaming = self.streaming.get(head.path)
        if streaming is not None:
            return StreamingCall(streaming, self.limits, connection, stream, head)
        return _UnknownCall(self.limits, 0, connection, stream, head)


class _UnknownCall(Call):
    """A call of a method that doesn't exist."""

    __slots__ = ()

    def receive(self, data: bytes, *, ended: bool) -> None:
        """Ignore it: the call has been answered."""

    def stop(self) -> None:
        """Go on: the call has been answered."""

    def _begin(self) -> None:
        raise CallError(StatusCode.UNIMPLEMENTED, f"There is no method {quoted(self.head.path)}.")
