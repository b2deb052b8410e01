"""Limits for one client: the holder of a key, in all workers and over both protocols."""

import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import grpc
import httpx
import pytest

from service.api.access.keys import entry_of, make_key
from service.api.trident import inference_pb2 as messages
from tests.service.live.grpc_client import inference_stub
from tests.service.live.metrics import value
from tests.service.live_server import LiveServer, wait_for

CONCURRENCY = 4
RATE = 8
KEYS = {name: make_key() for name in ("flood", "calls", "slow", "gone", "quiet", "reader")}
PNG = {"content-type": "image/png"}


@pytest.fixture(scope="module")
def server(all_models: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    entries = [
        entry_of(key, name, ["metrics" if name == "reader" else "predict"]).model_dump_json()
        for name, key in KEYS.items()
    ]
    settings = {
        "workers": 2,
        "keys": f"[{', '.join(entries)}]",
        "client_rate": RATE,
        "client_concurrency": CONCURRENCY,
    }
    with LiveServer(tmp_path_factory.mktemp("limits"), all_models, **settings) as live:
        yield live.wait_until_ready()


@pytest.fixture(scope="module")
def client(server: LiveServer) -> Iterator[httpx.Client]:
    """A client whose requests all have connections of their own, which any worker may get."""
    limits = httpx.Limits(max_keepalive_connections=0)
    with httpx.Client(base_url=server.url, limits=limits, timeout=60) as one:
        yield one


def post(
    client: httpx.Client, name: str, image: bytes, model: str = "digits", **options: Any
) -> httpx.Response:
    """Send a request with the key of a name."""
    headers = {**PNG, "authorization": f"Bearer {KEYS[name]}"}
    return client.post(f"/classify?model={model}", content=image, headers=headers, **options)


def test_a_client_over_its_rate_is_told_when_to_come_again_and_others_are_served(
    client: httpx.Client, seven: bytes
) -> None:
    answers = [post(client, "flood", seven) for _ in range(10 * RATE)]
    refused = [answer for answer in answers if answer.status_code == 429]
    assert Counter(answer.status_code for answer in answers).keys() == {200, 429}
    for answer in refused:
        assert answer.json()["detail"] == (
            "Over the limit of 8 requests a second for one client: send fewer."
        )
    assert post(client, "quiet", seven).status_code == 200
    time.sleep(int(refused[-1].headers["retry-after"]))
    assert post(client, "flood", seven).status_code == 200


def test_calls_are_limited_too(server: LiveServer, seven: bytes) -> None:
    request = messages.ClassifyRequest(images=[seven])
    metadata = [("authorization", f"Bearer {KEYS['calls']}")]
    codes: Counter[grpc.StatusCode] = Counter()
    with grpc.insecure_channel(server.grpc_target) as channel:
        stub = inference_stub(channel)
        for _ in range(10 * RATE):
            try:
                stub.Classify(request, metadata=metadata)
            except grpc.RpcError as error:
                codes[error.code()] += 1
                metadata_back: Any = error.trailing_metadata()
                trailers = dict(metadata_back)
                assert int(trailers["retry-after"]) >= 1
                assert 0 < int(trailers["grpc-retry-pushback-ms"]) <= 1000 / RATE
            else:
                codes[grpc.StatusCode.OK] += 1
    assert codes.keys() == {grpc.StatusCode.OK, grpc.StatusCode.RESOURCE_EXHAUSTED}


def test_a_client_has_so_many_requests_in_progress_in_all_workers(
    client: httpx.Client, white: bytes
) -> None:
    with ThreadPoolExecutor(2 * CONCURRENCY) as threads:
        several = [
            threads.submit(post, client, "slow", white, "slow") for _ in range(2 * CONCURRENCY)
        ]
        statuses = Counter(one.result().status_code for one in several)
    assert statuses == {200: CONCURRENCY, 429: CONCURRENCY}
    time.sleep(1)
    assert post(client, "slow", white, "slow").status_code == 200


def test_who_goes_away_has_no_request_in_progress(
    client: httpx.Client, white: bytes, seven: bytes
) -> None:
    time.sleep(1)
    for _ in range(CONCURRENCY):
        with pytest.raises(httpx.ReadTimeout):
            post(client, "gone", white, "slow", timeout=0.3)
    wait_for(lambda: post(client, "gone", seven).status_code == 200, 30)


def test_the_metrics_count_who_is_refused_by_its_limit(server: LiveServer) -> None:
    headers = {"authorization": f"Bearer {KEYS['reader']}"}
    with httpx.Client(base_url=server.url, headers=headers) as reader:
        for protocol in ("http", "grpc"):
            labels = {"protocol": protocol, "reason": "client_limit"}
            assert value(reader, "trident_rejected_total", **labels) > 0
