"""The gRPC server: inference, health and reflection on one port."""

import asyncio
import socket
import ssl
from collections.abc import Sequence

from service.api.trident.grpc import SERVICE, GrpcAdapter
from service.engine.engine import Engine
from service.telemetry.exchange import ExchangeListener
from service.transport.closing_port import Acceptance
from service.transport.grpc.call import Admit, CallLimits
from service.transport.grpc.health import HEALTH, Health
from service.transport.grpc.methods import MethodTable
from service.transport.grpc.reflection import Reflection
from service.transport.http2.server import Http2Server
from service.transport.open_connections import OpenConnections
from service.transport.pace import TimeLimits
from service.transport.refusal_pacer import RefusalPacer

_OVERALL = ""  # the health service's name for the whole server


class GrpcServer:
    """A server in the event loop that starts it."""

    def __init__(
        self,
        engine: Engine,
        listening: socket.socket | None,
        *,
        max_body_bytes: int,
        request_timeout: float,
        time_limits: TimeLimits,
        admit: Admit,
        refusals: RefusalPacer,
        tls: ssl.SSLContext | None,
        connections: OpenConnections,
        listeners: Sequence[ExchangeListener] = (),
    ) -> None:
        """Prepare a server for the callers whom `admit` lets in.

        It accepts them on a socket that listens; None if it never starts.
        """
        self._listening = listening
        self._tls = tls
        self._health = Health((_OVERALL, SERVICE))
        adapter = GrpcAdapter(engine, request_timeout=request_timeout, listeners=listeners)
        reflection = Reflection((SERVICE, HEALTH))
        methods = MethodTable(
            unary=adapter.unary | self._health.unary,
            streaming=self._health.streaming | reflection.streaming,
            limits=CallLimits(engine.account, max_body_bytes, request_timeout, admit, refusals),
        )
        self._server = Http2Server(methods.call, engine.account, time_limits, connections)

    @property
    def serving(self) -> bool:
        """Whether it answers calls; its health service reports the same."""
        return self._health.serving

    @property
    def port(self) -> int:
        """The port that it listens on."""
        return 0 if self._listening is None else int(self._listening.getsockname()[1])

    async def start(self) -> None:
        """Accept connections, while the health service reports NOT_SERVING."""
        if self._listening is None:
            raise RuntimeError("the supervisor has given this process no socket for gRPC")
        await self._server.start(self._listening, self._tls)

    def serve(self) -> None:
        """Answer calls, and report SERVING."""
        self._health.set(serving=True)

    async def stop(self, drain_timeout: float, acceptance: Acceptance | None = None) -> None:
        """Answer new calls as `acceptance` says, and those in progress for `drain_timeout` seconds.

        The health service reports NOT_SERVING at once.
        """
        self._health.set(serving=False)
        await asyncio.sleep(0)  # those who watch are told before they are sent away
        await self._server.stop(drain_timeout, acceptance)
