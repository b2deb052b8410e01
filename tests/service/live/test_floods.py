"""More requests than the service can answer: some are refused at once, the others are right."""

import asyncio
import time
from collections import Counter
from typing import Any

import grpc
import httpx

from service.api.trident import inference_pb2 as messages
from service.api.trident.inference_pb2_grpc import InferenceStub
from tests.service.live.conftest import MAX_QUEUE_SIZE
from tests.service.live.grpc_client import inference_stub
from tests.service.live.metrics import value
from tests.service.live_server import LiveServer

FLOOD = 4 * MAX_QUEUE_SIZE
TRIES = 4
PNG = {"content-type": "image/png"}
SLOW = messages.ModelChoice(name="slow")


async def test_a_flood_by_http_is_answered_or_turned_away(
    server: LiveServer, white: bytes, seven: bytes
) -> None:
    limits = httpx.Limits(max_connections=FLOOD)
    async with httpx.AsyncClient(base_url=server.url, timeout=120, limits=limits) as client:
        url = "/classify?model=slow"
        posts = (client.post(url, content=white, headers=PNG) for _ in range(FLOOD))
        answers = await asyncio.gather(*posts)
        after = await client.post("/classify", content=seven, headers=PNG)
    statuses = Counter(answer.status_code for answer in answers)
    assert statuses.keys() == {200, 429}
    assert statuses[200] >= MAX_QUEUE_SIZE
    for answer in answers:
        if answer.status_code == 429:
            assert 1 <= int(answer.headers["retry-after"]) <= 120
            assert answer.json()["title"] == "Overloaded"
        else:
            assert answer.json()["label"] == "slow"
    assert (after.status_code, after.json()["model"]) == (200, "digits")


async def test_who_comes_again_when_it_was_told_gets_in(server: LiveServer, white: bytes) -> None:
    """On a loaded machine the model may be late, so a second time is allowed."""
    # A connection that is idle for so long may close just when it is used again.
    limits = httpx.Limits(max_connections=FLOOD, max_keepalive_connections=0)
    tries: Counter[int] = Counter()
    async with httpx.AsyncClient(base_url=server.url, timeout=120, limits=limits) as client:

        async def ask() -> httpx.Response:
            return await client.post("/classify?model=slow", content=white, headers=PNG)

        async def insist() -> None:
            for number in range(1, TRIES + 1):
                answer = await ask()
                if answer.status_code == 200:
                    tries[number] += 1
                    return
                await asyncio.sleep(int(answer.headers["retry-after"]))

        await asyncio.gather(*(ask() for _ in range(MAX_QUEUE_SIZE)))  # so that its pace is known
        await asyncio.gather(*(insist() for _ in range(FLOOD)))
    assert tries.total() == FLOOD
    assert tries[1] >= MAX_QUEUE_SIZE
    assert tries[1] + tries[2] > 0.9 * FLOOD


async def test_a_flood_of_one_model_does_not_stop_anothers_answers(
    server: LiveServer, white: bytes, seven: bytes
) -> None:
    limits = httpx.Limits(max_connections=FLOOD + 1)
    async with httpx.AsyncClient(base_url=server.url, timeout=120, limits=limits) as client:

        async def flood() -> None:
            await client.post("/classify?model=slow", content=white, headers=PNG)

        flooding = [asyncio.create_task(flood()) for _ in range(FLOOD)]
        answers = []
        while not all(task.done() for task in flooding):
            answers.append(await client.post("/classify", content=seven, headers=PNG))
        await asyncio.gather(*flooding)
    assert {answer.status_code for answer in answers} == {200}


async def test_a_flood_by_grpc_is_answered_or_turned_away(
    server: LiveServer, white: bytes, seven: bytes
) -> None:
    request = messages.ClassifyRequest(images=[white], model=SLOW)
    codes: Counter[grpc.StatusCode] = Counter()
    async with grpc.aio.insecure_channel(server.grpc_target) as channel:
        stub = inference_stub(channel)

        async def call() -> None:
            try:
                response = await stub.Classify(request, timeout=120)
            except grpc.aio.AioRpcError as error:
                metadata: Any = error.trailing_metadata()
                assert 1 <= int(dict(metadata)["retry-after"]) <= 120
                codes[error.code()] += 1
            else:
                assert response.results[0].classification.label == "slow"
                codes[grpc.StatusCode.OK] += 1

        await asyncio.gather(*(call() for _ in range(FLOOD)))
        after = await stub.Classify(messages.ClassifyRequest(images=[seven]))
    assert codes.keys() == {grpc.StatusCode.OK, grpc.StatusCode.RESOURCE_EXHAUSTED}
    assert codes[grpc.StatusCode.OK] >= MAX_QUEUE_SIZE
    assert after.model.name == "digits"


def test_the_queue_depth_tells_what_waits(
    http: httpx.Client, stub: InferenceStub, white: bytes
) -> None:
    request = messages.ClassifyRequest(images=[white], model=SLOW)
    running = stub.Classify.future(request)
    time.sleep(0.2)  # it is in the model: what comes now waits for it
    waiting = [stub.Classify.future(request) for _ in range(3)]
    depths = set()
    while not running.done():
        depths.add(value(http, "trident_queue_depth", model="slow"))
    assert 3.0 in depths
    for call in waiting:
        call.result()


def test_a_busy_model_does_not_hold_up_another(
    stub: InferenceStub, white: bytes, seven: bytes
) -> None:
    """On a loaded machine another model may be late once; a blocked model always is."""

    def overtakes() -> bool:
        running = stub.Classify.future(messages.ClassifyRequest(images=[white], model=SLOW))
        stub.Classify(messages.ClassifyRequest(images=[seven]))
        is_first = not running.done()
        assert running.result().results[0].classification.label == "slow"
        return is_first

    assert any(overtakes() for _ in range(5))
