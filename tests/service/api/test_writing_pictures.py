"""Answers with pictures are written in a thread: neither the event loop nor the model waits."""

import math
import threading
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from service.api.pictures import encode_png
from service.api.trident import inference_pb2 as messages
from service.api.trident.grpc import SERVICE, GrpcAdapter
from service.api.trident.http import HttpAdapter
from service.engine.engine import Engine
from service.transport.http1.request import HttpRequest

COUNT = 3


@pytest.fixture
def threads(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The name of the thread of each PNG that is written."""
    names: list[str] = []

    def encode_and_note(pixels: Any) -> bytes:
        names.append(threading.current_thread().name)
        return encode_png(pixels)

    for module in ("answers", "trident.http", "trident.grpc_answers"):
        monkeypatch.setattr(f"service.api.{module}.encode_png", encode_and_note)
    return names


async def ask_http(sketching: Engine, accept: str) -> None:
    adapter = HttpAdapter(sketching, max_inputs=64, max_body_bytes=1000, request_timeout=60)
    query = {"count": str(COUNT), "label": "7"}
    request = HttpRequest(
        "/generate", {"accept": accept}, query, _no_body, cancelled_when_gone=True
    )
    answer = await adapter.answer(request)
    assert (answer.status, answer.headers["content-type"]) == (200, accept)


async def _no_body() -> dict[str, Any]:
    return {"type": "http.request", "body": b"", "more_body": False}


async def ask_grpc(sketching: Engine, method: str) -> None:
    request: Any = messages.GenerateRequest(label="7", count=COUNT)
    if method == "Predict":
        request = messages.PredictRequest(
            samples=messages.Samples(label="7", count=COUNT),
            model=messages.ModelChoice(name="sketch"),
        )
    call: Any = SimpleNamespace(metadata={}, request_id="", caller="-", client_deadline=math.inf)
    methods = GrpcAdapter(sketching, request_timeout=60).unary
    answer = await methods[f"/{SERVICE}/{method}"].answer(call, request.SerializeToString())
    response: Any = getattr(messages, f"{method}Response").FromString(answer)
    assert len(response.results) == COUNT


@pytest.mark.parametrize(
    ("ask", "how", "written"),
    [
        (ask_http, "application/json", COUNT),
        (ask_http, "image/png", 1),
        (ask_grpc, "Generate", COUNT),
        (ask_grpc, "Predict", COUNT),
    ],
)
async def test_a_thread_of_its_own_writes_pngs(
    sketching: Engine, threads: list[str], ask: Callable[..., Any], how: str, written: int
) -> None:
    await ask(sketching, how)
    assert len(threads) == written
    assert all(name.startswith("pictures") for name in threads)
