"""One very long text uses little memory, whatever is in it and over either protocol."""

import asyncio
import re
from pathlib import Path
from typing import Any

import grpc
import httpx
import pytest

from service.api.trident import inference_pb2 as messages
from service.api.trident.inference_pb2_grpc import InferenceStub
from tests.service.live.answers import same
from tests.service.live.conftest import MAX_BODY_BYTES, MAX_INPUTS
from tests.service.live.grpc_client import inference_stub
from tests.service.live_server import LiveServer

MEGABYTE = 1024 * 1024
LONG = MAX_BODY_BYTES - 4096  # characters: the rest is for what surrounds the text in the body
CALLERS = 16
GROWTH = 250 * MEGABYTE
"""Of what the callers send, its text and copies of both; padded tokens took 2 GB a request."""

PRAISE, BLAME = "A wonderful film, I loved every minute. ", "What an awful waste of time. "


class Peak:
    """The most memory that a worker held, from now on."""

    def __init__(self, server: LiveServer) -> None:
        (worker,) = server.workers()
        self._folder = Path(f"/proc/{worker.pid}")
        (self._folder / "clear_refs").write_text("5")  # reset the peak
        self._before = self._mark()

    @property
    def growth(self) -> int:
        """By how many bytes the worker has grown at most."""
        return self._mark() - self._before

    def _mark(self) -> int:
        found = re.search(r"VmHWM:\s+(\d+) kB", (self._folder / "status").read_text())
        assert found, "the worker has died"
        return int(found[1]) * 1024


def one_among(text: str) -> list[str]:
    return [text, *["good"] * (MAX_INPUTS - 1)]


FLOODS = {
    "one-letter words": one_among("a b " * (LONG // 4)),
    "spaces": one_among(" " * LONG + "bad"),
    "marks": one_among("?! " * (LONG // 3)),
    "emoji": one_among("😀" * (LONG // 4)),
    "long ones alone": ["a b " * (LONG // 4 // MAX_INPUTS)] * MAX_INPUTS,
}


@pytest.mark.parametrize("name", FLOODS)
async def test_a_flood_of_long_texts_by_http_takes_little_memory(
    server: LiveServer, name: str
) -> None:
    peak = Peak(server)
    async with httpx.AsyncClient(base_url=server.url, timeout=120) as client:
        posts = (client.post("/sentiment", json={"texts": FLOODS[name]}) for _ in range(CALLERS))
        answers = await asyncio.gather(*posts)
    assert {answer.status_code for answer in answers} <= {200, 429}
    assert 200 in {answer.status_code for answer in answers}
    for answer in answers:
        if answer.status_code == 200:
            assert answer.json()[0]["truncated"] is True
    assert peak.growth < GROWTH


async def test_a_flood_of_long_texts_by_grpc_takes_little_memory(server: LiveServer) -> None:
    peak = Peak(server)
    request = messages.SentimentRequest(texts=FLOODS["one-letter words"])
    async with grpc.aio.insecure_channel(server.grpc_target) as channel:
        calls = [inference_stub(channel).Sentiment(request, timeout=120) for _ in range(CALLERS)]
        ended = await asyncio.gather(*calls, return_exceptions=True)
    responses = [each for each in ended if not isinstance(each, BaseException)]
    assert responses
    for error in (each for each in ended if isinstance(each, BaseException)):
        assert isinstance(error, grpc.aio.AioRpcError)
        assert error.code() == grpc.StatusCode.RESOURCE_EXHAUSTED
    assert all(response.results[0].sentiment.truncated for response in responses)
    assert peak.growth < GROWTH


ODD = {
    "a word of a million letters": "a" * 1_000_000,
    "a million spaces": " " * 1_000_000 + PRAISE,
    "a million one-letter words": "a b " * 250_000,
    "a million marks": "!?" * 500_000,
    "breaks": BLAME + "<br />" * 150_000,
    "emoji": PRAISE + "😀" * 250_000,
    "combining marks": "e" + "\u0301\u0323" * 250_000 + BLAME,
    "right to left": "שלום עולם " * 50_000,
    "NULs": PRAISE + "\0" * 300_000 + PRAISE,
}


@pytest.mark.parametrize("name", ODD)
def test_an_odd_long_text_is_answered_alike_by_both_protocols(
    http: httpx.Client, stub: InferenceStub, name: str
) -> None:
    text = ODD[name]
    answer = http.post("/sentiment", json={"text": text})
    assert answer.status_code == 200, answer.text
    found = answer.json()
    assert found["truncated"] is True
    result = stub.Sentiment(messages.SentimentRequest(texts=[text, "good"])).results[0].sentiment
    expected: Any = {"label": result.label, "score": result.score, "truncated": result.truncated}
    assert same({key: found[key] for key in expected}, expected)


@pytest.mark.parametrize(("verdict", "label"), [(PRAISE, "positive"), (BLAME, "negative")])
def test_a_long_text_is_judged_by_its_start_and_its_end(
    http: httpx.Client, verdict: str, label: str
) -> None:
    other = BLAME if verdict is PRAISE else PRAISE
    texts = [verdict * 60 + other * repeats + verdict * 60 for repeats in (1, 300, 30_000)]
    answers = http.post("/sentiment", json={"texts": texts}).raise_for_status().json()
    assert [answer["label"] for answer in answers] == [label] * 3
    assert same(answers[0], answers[1])
    assert same(answers[1], answers[2])
