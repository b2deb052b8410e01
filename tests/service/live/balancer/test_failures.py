"""What callers get while replicas fail: the balancer's answers, in the form of their protocol."""

import asyncio
import urllib.error
import urllib.request

import grpc
import httpx
import pytest

from service.api.trident import inference_pb2 as messages
from tests.service.live.balancer.conftest import Balance
from tests.service.live.balancer.live_balancer import LiveBalancer
from tests.service.live.balancer.replica import replica
from tests.service.live.conftest import MAX_BODY_BYTES
from tests.service.live.grpc_client import inference_stub
from tests.service.transport.grpc.wire import eventually

Code = grpc.StatusCode
SIZES = [0, 1_000, 100_000, 10_000_000]


def _check_problem(answer: httpx.Response, status: int) -> None:
    assert (answer.status_code, answer.json()["status"]) == (status, status)
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json().keys() == {"type", "title", "status", "detail"}
    assert answer.json()["type"].startswith("urn:trident:problem:")


def _grpc_error(target: str, size: int) -> grpc.RpcError:
    request = messages.ClassifyRequest(images=[bytes(size)])
    unlimited = [("grpc.max_send_message_length", -1)]
    with (
        grpc.insecure_channel(target, unlimited) as channel,
        pytest.raises(grpc.RpcError) as caught,
    ):
        inference_stub(channel).Classify(request, timeout=30)
    return caught.value


@pytest.mark.parametrize("size", SIZES)
def test_without_a_replica_http_is_answered_503(lonely_balancer: LiveBalancer, size: int) -> None:
    answer = httpx.post(f"{lonely_balancer.url}/classify", content=bytes(size), timeout=30)
    _check_problem(answer, 503)
    assert int(answer.headers["retry-after"]) > 0


@pytest.mark.parametrize("size", SIZES)
def test_without_a_replica_grpc_is_unavailable(lonely_balancer: LiveBalancer, size: int) -> None:
    error = _grpc_error(lonely_balancer.grpc_target, size)
    assert error.code() == Code.UNAVAILABLE
    assert str(error.details()).startswith("No replica ")


def test_without_a_replica_a_watch_is_unavailable(lonely_balancer: LiveBalancer) -> None:
    with grpc.insecure_channel(lonely_balancer.grpc_target) as channel:
        watch = channel.unary_stream("/grpc.health.v1.Health/Watch", None, None)(b"", timeout=30)
        with pytest.raises(grpc.RpcError) as caught:
            next(iter(watch))
    assert caught.value.code() == Code.UNAVAILABLE


def test_without_a_replica_what_is_hidden_stays_so(lonely_balancer: LiveBalancer) -> None:
    _check_problem(httpx.get(f"{lonely_balancer.url}/metrics"), 404)


def test_the_balancers_health_tells_of_replicas(
    balancer: LiveBalancer, lonely_balancer: LiveBalancer
) -> None:
    assert (balancer.health(), lonely_balancer.health()) == (200, 503)


async def test_a_replica_that_hangs_up_or_is_silent_is_told_of(balance: Balance) -> None:
    async with replica() as one:
        balancer = await asyncio.to_thread(balance, one.http_port, one.grpc_port)
        async with httpx.AsyncClient(base_url=balancer.url, timeout=30) as client:
            _check_problem(await client.post("/classify", content=b"x"), 502)
            _check_problem(await client.post("/embed", content=b"x"), 504)
        async with grpc.aio.insecure_channel(balancer.grpc_target) as channel:
            with pytest.raises(grpc.RpcError) as silent:
                await channel.unary_unary("/test/Wait", None, None)(b"10")
            assert silent.value.code() == Code.DEADLINE_EXCEEDED
            call = channel.unary_unary("/test/Wait", None, None)(b"10")
            await eventually(lambda: one.methods.running > 0)
            await one.http2.stop(0.0)
            with pytest.raises(grpc.RpcError) as lost:
                await call
            assert lost.value.code() == Code.UNAVAILABLE


@pytest.mark.parametrize("size", [MAX_BODY_BYTES + 1, 10_000_000, 50_000_000])
def test_a_body_over_the_limit_is_told_so(balancer: LiveBalancer, size: int) -> None:
    for client in (httpx.post, _post_by_urllib):
        answer = client(f"{balancer.url}/classify", content=bytes(size), timeout=30)
        _check_problem(answer, 413)


def _post_by_urllib(url: str, *, content: bytes, timeout: float) -> httpx.Response:
    """Send a request with a client that doesn't read while it sends."""
    request = urllib.request.Request(url, content)
    with pytest.raises(urllib.error.HTTPError) as error:
        urllib.request.urlopen(request, timeout=timeout)
    headers = dict(error.value.headers)
    return httpx.Response(error.value.code, content=error.value.read(), headers=headers)
