"""gRPC through the balancer: each call ends with the replica's status."""

import asyncio
import threading
from collections.abc import Iterator
from typing import Any

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc

from service.api.trident import inference_pb2 as messages
from tests.service.live.balancer.conftest import Balance
from tests.service.live.balancer.live_balancer import LiveBalancer
from tests.service.live.balancer.replica import replica
from tests.service.live.conftest import MAX_BODY_BYTES
from tests.service.live.grpc_client import inference_stub
from tests.service.live_server import LiveServer

Code = grpc.StatusCode
Health = health_pb2.HealthCheckResponse
QUIET = 4.0  # seconds: longer than an impatient balancer waits for anything else


@pytest.fixture(scope="module")
def channel(balancer: LiveBalancer) -> Iterator[grpc.Channel]:
    unlimited = [("grpc.max_send_message_length", -1)]
    with grpc.insecure_channel(balancer.grpc_target, unlimited) as opened:
        yield opened


def _end(call: Any, message: bytes) -> grpc.RpcError:
    with pytest.raises(grpc.RpcError) as caught:
        call(message, timeout=30)
    return caught.value


@pytest.mark.parametrize("size", [MAX_BODY_BYTES, MAX_BODY_BYTES + 1_000_000, 40_000_000])
def test_a_message_over_the_limit_is_told_so(channel: grpc.Channel, size: int) -> None:
    for method in ("Classify", "Sentiment", "Embed", "Generate"):
        call = channel.unary_unary(f"/trident.v1.Inference/{method}", None, None)
        error = _end(call, messages.ClassifyRequest(images=[bytes(size)]).SerializeToString())
        assert error.code() == Code.RESOURCE_EXHAUSTED
        assert str(MAX_BODY_BYTES) in str(error.details())


def test_whatever_is_answered_before_the_message_is_read_arrives(channel: grpc.Channel) -> None:
    unknown = channel.unary_unary("/trident.v1.Inference/Unknown", None, None)
    assert _end(unknown, bytes(1_500_000)).code() == Code.UNIMPLEMENTED


def test_the_connection_is_as_good_as_before(channel: grpc.Channel, seven: bytes) -> None:
    classify = channel.unary_unary("/trident.v1.Inference/Classify", None, None)
    for _ in range(5):
        assert _end(classify, bytes(MAX_BODY_BYTES + 1)).code() == Code.RESOURCE_EXHAUSTED
        (answer,) = (
            inference_stub(channel).Classify(messages.ClassifyRequest(images=[seven])).results
        )
        assert answer.classification.label == "7"


def test_streams_outlast_any_silence(server: LiveServer, balance: Balance) -> None:
    balancer = balance(server.http_port, server.grpc_port)
    question = reflection_pb2.ServerReflectionRequest(list_services="")
    ask_again = threading.Event()

    def questions() -> Iterator[reflection_pb2.ServerReflectionRequest]:
        yield question
        ask_again.wait(60)
        yield question

    with grpc.insecure_channel(balancer.grpc_target) as opened:
        watch = health_pb2_grpc.HealthStub(opened).Watch(health_pb2.HealthCheckRequest())
        reflection = reflection_pb2_grpc.ServerReflectionStub(opened)
        answers = reflection.ServerReflectionInfo(questions())
        assert next(watch).status == Health.SERVING
        first = next(answers)
        ended = threading.Event()
        watch.add_callback(ended.set)
        assert not ended.wait(QUIET)
        ask_again.set()
        assert next(answers).list_services_response == first.list_services_response
        watch.cancel()


async def test_who_watches_hears_when_the_replica_is_lost(balance: Balance) -> None:
    async with replica() as one:
        balancer = await asyncio.to_thread(balance, one.http_port, one.grpc_port)
        async with grpc.aio.insecure_channel(balancer.grpc_target) as opened:
            watch = health_pb2_grpc.HealthStub(opened).Watch(health_pb2.HealthCheckRequest())
            assert (await watch.read()).status == Health.SERVING
            one.is_ready = False
            with pytest.raises(grpc.aio.AioRpcError):
                await asyncio.wait_for(watch.read(), 30)
