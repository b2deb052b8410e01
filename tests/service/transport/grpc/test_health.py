"""Health and reflection, by grpc's own clients of a server whose models aren't there yet."""

import asyncio
import socket
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.protobuf.descriptor_pool import DescriptorPool
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc

from service.api.grpc_server import GrpcServer
from service.api.trident.grpc import SERVICE
from service.engine.engine import Engine
from service.engine.limits import Limits
from service.engine.rollout.leader import Watching
from service.transport.grpc.call import Admitted
from service.transport.open_connections import OpenConnections
from service.transport.pace import TimeLimits
from service.transport.refusal_pacer import RefusalPacer
from tests.service.live_server import free_port

Status = health_pb2.HealthCheckResponse
LIMITS = Limits(
    max_batch_size=1,
    max_queue_size=1,
    max_queue_seconds=60.0,
    max_inputs=1,
    max_pixels=1,
    max_inflight_bytes=1024,
    decoders=1,
    max_inline_seconds=0.0,
)


@pytest.fixture
def port() -> int:
    return free_port()


@pytest.fixture
async def server(port: int) -> AsyncIterator[GrpcServer]:
    started = GrpcServer(
        Engine(Watching(models=Path()), LIMITS),
        socket.create_server(("127.0.0.1", port)),
        max_body_bytes=1_000,
        request_timeout=5.0,
        time_limits=TimeLimits(),
        admit=lambda _head, _address: Admitted("-"),
        refusals=RefusalPacer(),
        tls=None,
        connections=OpenConnections(),
    )
    await started.start()
    yield started
    await started.stop(0.0)


@pytest.fixture
async def channel(server: GrpcServer, port: int) -> AsyncIterator[Any]:
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as opened:
        yield opened


def asked(service: str = SERVICE) -> Any:
    return health_pb2.HealthCheckRequest(service=service)


async def test_whoever_watches_is_told_of_each_change(server: GrpcServer, channel: Any) -> None:
    watching = health_pb2_grpc.HealthStub(channel).Watch(asked())
    assert (await watching.read()).status == Status.NOT_SERVING
    server.serve()
    assert (await watching.read()).status == Status.SERVING
    stopping = asyncio.create_task(server.stop(20.0))
    assert (await watching.read()).status == Status.NOT_SERVING
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await watching.read()
    assert caught.value.code() is grpc.StatusCode.UNAVAILABLE
    await stopping


async def test_an_unknown_service_is_not_found_but_can_be_watched(channel: Any) -> None:
    health = health_pb2_grpc.HealthStub(channel)
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await health.Check(asked("nobody"))
    assert caught.value.code() is grpc.StatusCode.NOT_FOUND
    assert (await health.Watch(asked("nobody")).read()).status == Status.SERVICE_UNKNOWN


async def test_reflection_answers_each_question(channel: Any) -> None:
    ask = reflection_pb2.ServerReflectionRequest
    questions = [
        ask(list_services=""),
        ask(file_by_filename="service/api/trident/inference.proto"),
        ask(file_containing_symbol="trident.v1.Embedding"),
        ask(file_containing_symbol="nobody"),
        ask(all_extension_numbers_of_type="trident.v1.Embedding"),
        ask(),
    ]
    stub = reflection_pb2_grpc.ServerReflectionStub(channel)
    answers = [answer async for answer in stub.ServerReflectionInfo(iter(questions))]
    assert [answer.original_request for answer in answers] == questions
    assert SERVICE in {service.name for service in answers[0].list_services_response.service}
    assert [answer.WhichOneof("message_response") for answer in answers[1:]] == [
        "file_descriptor_response",
        "file_descriptor_response",
        "error_response",
        "all_extension_numbers_response",
        "error_response",
    ]
    assert answers[3].error_response.error_code == grpc.StatusCode.NOT_FOUND.value[0]


@pytest.mark.parametrize("version", ["v1", "v1alpha"])
async def test_a_tool_can_rebuild_every_service_by_both_versions_of_reflection(
    channel: Any, version: str
) -> None:
    ask = reflection_pb2.ServerReflectionRequest
    info = channel.stream_stream(
        f"/grpc.reflection.{version}.ServerReflection/ServerReflectionInfo",
        request_serializer=ask.SerializeToString,
        response_deserializer=reflection_pb2.ServerReflectionResponse.FromString,
    )
    (listed,) = [answer async for answer in info(iter([ask(list_services="")]))]
    services = [service.name for service in listed.list_services_response.service]
    assert {SERVICE, "grpc.health.v1.Health"} <= set(services)
    assert {f"grpc.reflection.{v}.ServerReflection" for v in ("v1", "v1alpha")} <= set(services)
    questions = [ask(file_containing_symbol=service) for service in services]
    answers = [answer async for answer in info(iter(questions))]
    for service, answer in zip(services, answers, strict=True):
        pool = DescriptorPool()
        for serialized in reversed(answer.file_descriptor_response.file_descriptor_proto):
            pool.AddSerializedFile(serialized)
        assert pool.FindServiceByName(service).methods
