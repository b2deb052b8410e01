"""The gRPC server: inference, health and reflection on one port."""

import socket
from collections.abc import Sequence

import grpc
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection

from service.core.engine import Engine
from service.core.exchange import Listener
from service.grpc.adapter import SERVICE, GrpcAdapter


class GrpcServer:
    """A `grpc.aio` server in the event loop that starts it."""

    def __init__(
        self,
        engine: Engine,
        *,
        host: str,
        port: int,
        share_port: bool,
        max_body_bytes: int,
        request_timeout: float,
        listeners: Sequence[Listener] = (),
    ) -> None:
        """Prepare a server; with `share_port`, several processes listen on the same port."""
        self._server = grpc.aio.server(
            options=[
                ("grpc.so_reuseport", int(share_port)),
                ("grpc.max_receive_message_length", max_body_bytes),
                ("grpc.max_send_message_length", -1),
            ]
        )
        self._health = health.aio.HealthServicer()  # type: ignore[attr-defined]
        adapter = GrpcAdapter(engine, request_timeout=request_timeout, listeners=listeners)
        self._server.add_generic_rpc_handlers((adapter.handlers(),))
        health_pb2_grpc.add_HealthServicer_to_server(self._health, self._server)
        reflection.enable_server_reflection(
            (SERVICE, health.SERVICE_NAME, reflection.SERVICE_NAME), self._server
        )
        self._server.add_insecure_port(f"{host}:{port}")

    async def start(self) -> None:
        """Listen, not serving yet by the health service."""
        await self._set_health(health_pb2.HealthCheckResponse.NOT_SERVING)
        await self._server.start()

    async def serve(self) -> None:
        """Say by the health service that calls are answered now."""
        await self._set_health(health_pb2.HealthCheckResponse.SERVING)

    async def stop(self, grace: float) -> None:
        """Take no new calls and let those under way finish within `grace` seconds."""
        await self._health.enter_graceful_shutdown()
        await self._server.stop(grace)

    async def _set_health(self, status: "health_pb2.HealthCheckResponse.ServingStatus") -> None:
        for name in (health.OVERALL_HEALTH, SERVICE):
            await self._health.set(name, status)


def check_port_free(host: str, port: int) -> None:
    """Raise OSError if something listens on the port already.

    Sharing a port between processes would otherwise let two services of one machine take
    each other's calls without a word.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind((host.strip("[]"), port))
