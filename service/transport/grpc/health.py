"""`grpc.health.v1.Health`: whether calls are answered, by `Check` or `Watch`."""

import asyncio
from typing import Final

from google.protobuf.message import DecodeError
from grpc_health.v1 import health_pb2

from service.transport.grpc.call import Call
from service.transport.grpc.status import CallError, StatusCode
from service.transport.grpc.streaming import StreamingCall, StreamingMethod
from service.transport.grpc.unary import UnaryMethod

HEALTH: Final[str] = health_pb2.DESCRIPTOR.services_by_name["Health"].full_name

_Status = health_pb2.HealthCheckResponse


class Health:
    """The health of some services; one without a name stands for all of the server."""

    def __init__(self, services: tuple[str, ...]) -> None:
        """Begin with services that aren't serving yet."""
        self._statuses = dict.fromkeys(services, _Status.NOT_SERVING)
        self._changed = asyncio.Event()
        self.serving = False

    @property
    def unary(self) -> dict[str, UnaryMethod]:
        """The methods of one message, by path."""
        return {f"/{HEALTH}/Check": UnaryMethod(self._check)}

    @property
    def streaming(self) -> dict[str, StreamingMethod]:
        """The methods of many messages, by path."""
        return {f"/{HEALTH}/Watch": self._watch}

    def set(self, *, serving: bool) -> None:
        """Set whether the services answer calls, and tell those who watch."""
        status = _Status.SERVING if serving else _Status.NOT_SERVING
        self._statuses = dict.fromkeys(self._statuses, status)
        self.serving = serving
        self._changed.set()
        self._changed = asyncio.Event()

    async def _check(self, _: Call, data: bytes) -> bytes:
        status = self._statuses.get(_service(data))
        if status is None:
            raise CallError(StatusCode.NOT_FOUND, "There is no service with this name.")
        return _response(status)

    async def _watch(self, call: StreamingCall) -> None:
        data = await call.next_message()
        if data is None:
            raise CallError(StatusCode.UNIMPLEMENTED, "The method takes exactly one message.")
        service, told = _service(data), None
        while True:
            changed = self._changed
            status = self._statuses.get(service, _Status.SERVICE_UNKNOWN)
            if status != told:
                await call.send(_response(status))
                told = status
            await changed.wait()


def _service(data: bytes) -> str:
    try:
        return str(health_pb2.HealthCheckRequest.FromString(data).service)
    except DecodeError:
        raise CallError(
            StatusCode.INVALID_ARGUMENT, "The message isn't a HealthCheckRequest."
        ) from None


def _response(status: int) -> bytes:
    return bytes(health_pb2.HealthCheckResponse(status=status).SerializeToString())
