"""The gRPC server: inference, health and reflection on one port."""

import asyncio
import socket
from collections.abc import Sequence

from service.api.trident.grpc import SERVICE, GrpcAdapter
from service.engine.engine import Engine
from service.telemetry.exchange import ExchangeListener
from service.transport.grpc.call import Admit, CallLimits
from service.transport.grpc.health import HEALTH, Health
from service.transport.grpc.methods import MethodTable
from service.transport.grpc.reflection import Reflection
from service.transport.http2.server import Http2Server
from service.transport.pace import TimeLimits

_OVERALL = ""  # the health service's name for the whole server


class GrpcServer:
    """A server in the event loop that starts it."""

    def __init__(
        self,
        engine: Engine,
        *,
        host: str,
        port: int,
        share_port: bool,
        max_body_bytes: int,
        request_timeout: float,
        time_limits: TimeLimits,
        admit: Admit,
        listeners: Sequence[ExchangeListener] = (),
    ) -> None:
        """Prepare a server for the callers whom `admit` lets in.

        With `share_port`, several processes can listen on the same port.
        """
        self.port = port
        self._address = host.strip("[]"), port
        self._share_port = share_port
        self._health = Health((_OVERALL, SERVICE))
        adapter = GrpcAdapter(engine, request_timeout=request_timeout, listeners=listeners)
        reflection = Reflection((SERVICE, HEALTH))
        methods = MethodTable(
            unary=adapter.unary | self._health.unary,
            streaming=self._health.streaming | reflection.streaming,
            limits=CallLimits(engine.account, max_body_bytes, request_timeout, admit),
        )
        self._server = Http2Server(methods.call, engine.account, time_limits)

    @property
    def serving(self) -> bool:
        """Whether it answers calls; its health service reports the same."""
        return self._health.serving

    async def start(self) -> None:
        """Listen, while the health service reports NOT_SERVING. Raises OSError.

        On a shared port it listens only from `serve` on: the kernel divides connections among all
        processes that listen, ready or not.
        """
        if not self._share_port:
            await self._listen()

    async def serve(self) -> None:
        """Answer calls, and report SERVING. Raises OSError; it may be called again then."""
        await self._listen()
        self._health.set(serving=True)

    async def _listen(self) -> None:
        if not self._server.listening:
            await self._server.start(*self._address, share_port=self._share_port)

    async def stop(self, grace: float) -> None:
        """Drain: take no new calls, and let those in progress finish within `grace` seconds."""
        self._health.set(serving=False)
        await asyncio.sleep(0)  # those who watch are told before they are sent away
        await self._server.stop(grace)


def check_port_free(host: str, port: int) -> None:
    """Raise OSError if something listens on the port already.

    Without this check, two services on one machine could share the port and take each other's calls
    unnoticed.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind((host.strip("[]"), port))
