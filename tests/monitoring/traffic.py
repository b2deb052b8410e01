"""Every kind of traffic that the dashboard shows: good, bad, too much, impatient and odd."""

import asyncio
import contextlib
import random
from collections.abc import Callable, Coroutine
from io import BytesIO
from types import TracebackType
from typing import Self

import grpc
import httpx
import numpy as np
from PIL import Image

from loadtests.clients.bodies import BAD_REQUESTS, Body, make_bodies
from loadtests.clients.samples import TASKS, read_samples
from service.api.trident import inference_pb2 as messages
from service.api.trident.inference_pb2_grpc import InferenceStub
from tests.service.live.balancer.live_balancer import LiveBalancer
from tests.service.live_server import LiveServer

_MANY = 32  # inputs in a large request


class Traffic:
    """Clients of a server, or of its balancer, by both protocols; use it in an `async with`."""

    def __init__(self, server: LiveServer | LiveBalancer, seed: int = 1) -> None:
        self._http = httpx.AsyncClient(base_url=server.url, timeout=60)
        self._channel = grpc.aio.insecure_channel(server.grpc_target)
        self._stub = InferenceStub(self._channel)  # type: ignore[no-untyped-call]
        self._random = random.Random(seed)
        self._numpy = np.random.default_rng(seed)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._http.aclose()
        await self._channel.close(None)

    async def steady(self, seconds: float, rate: float) -> None:
        """Send ordinary requests, one in fifty of them wrong."""
        await self._at_rate(seconds, rate, self._send_ordinary)

    async def odd(self, seconds: float, rate: float) -> None:
        """Send pictures of blurred noise instead of digits."""
        await self._at_rate(seconds, rate, self._send_odd)

    async def overload(self, seconds: float, clients: int) -> None:
        """Send large requests, one after the other on each client; some clients don't wait."""
        end = asyncio.get_running_loop().time() + seconds

        async def client(number: int) -> None:
            while asyncio.get_running_loop().time() < end:
                await (self._send_impatient() if number % 8 == 0 else self._send_large())

        await asyncio.gather(*(client(number) for number in range(clients)))

    async def _at_rate(
        self, seconds: float, rate: float, send: Callable[[], Coroutine[None, None, None]]
    ) -> None:
        loop = asyncio.get_running_loop()
        start = loop.time()
        async with asyncio.TaskGroup() as group:
            for number in range(int(seconds * rate)):
                await asyncio.sleep(max(0.0, start + number / rate - loop.time()))
                group.create_task(send())

    async def _send_ordinary(self) -> None:
        if self._random.random() < 0.02:
            target, body, _ = self._random.choice(BAD_REQUESTS)
            await self._post(target, body)
            return
        task = self._random.choice(TASKS)
        inputs = [self._random.choice(read_samples(task)).data]
        if self._random.random() < 0.3:
            await self._call(task, inputs)
        else:
            await self._post(f"/{task}", self._random.choice(make_bodies(task, inputs)))

    async def _send_large(self) -> None:
        task = self._random.choice(TASKS)
        inputs = [one.data for one in self._random.choices(read_samples(task), k=_MANY)]
        await self._post(f"/{task}", make_bodies(task, inputs)[0])

    async def _send_impatient(self) -> None:
        """Send one input, and give up at once: by a deadline, a cancellation or a disconnection."""
        text = read_samples("sentiment")[0].data
        match self._random.randrange(3):
            case 0:
                await self._call("sentiment", [text], patience=0.01)
            case 1:
                call = self._stub.Sentiment(messages.SentimentRequest(texts=[str(text)]))
                await asyncio.sleep(0.01)
                call.cancel()
            case _:
                with contextlib.suppress(httpx.TimeoutException):
                    await self._http.post("/sentiment", json={"text": text}, timeout=0.01)

    async def _send_odd(self) -> None:
        task = self._random.choice(("classify", "embed"))
        await self._post(f"/{task}", Body("image/png", self._draw_odd()))

    def _draw_odd(self) -> bytes:
        """Return a PNG of blurred noise."""
        coarse = self._numpy.integers(0, 256, (7, 7), dtype=np.uint8)
        file = BytesIO()
        Image.fromarray(coarse).resize((28, 28), Image.Resampling.BICUBIC).save(file, "PNG")
        return file.getvalue()

    async def _post(self, target: str, body: Body) -> None:
        headers = {"content-type": body.content_type}
        await self._http.post(target, content=body.content, headers=headers)

    async def _call(
        self, task: str, inputs: list[bytes | str], patience: float | None = None
    ) -> None:
        method, request = {
            "classify": (self._stub.Classify, messages.ClassifyRequest),
            "sentiment": (self._stub.Sentiment, messages.SentimentRequest),
            "embed": (self._stub.Embed, messages.EmbedRequest),
        }[task]
        field = "texts" if task == "sentiment" else "images"
        # The deadline, or a full queue: the dashboard is to show both.
        with contextlib.suppress(grpc.aio.AioRpcError):
            await method(request(**{field: inputs}), timeout=patience)
