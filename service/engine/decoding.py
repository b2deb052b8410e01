"""Decoding a request's inputs, in time and within the bytes that there is room for."""

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, suppress
from typing import Any

from service.admission import Account
from service.engine.batcher import deadline_exceeded
from service.errors import (
    DeadlineExceededError,
    InternalError,
    OverloadedError,
    TridentError,
)
from service.tasks.task import AnyTask
from service.telemetry.metrics import ModelMetrics

_MAX_SECONDS_AT_A_TIME = 0.001  # of decoding on the event loop, before others have their turn


class Decoder:
    """Decodes inputs: quick ones on the event loop, slow ones in threads."""

    def __init__(self, threads: int, account: Account) -> None:
        """Decode up to `threads` slow inputs at a time."""
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="decode")
        self._account = account

    def close(self) -> None:
        """Decode nothing more."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def decode_all(
        self, task: AnyTask, inputs: Sequence[Any], *, metrics: ModelMetrics, deadline: float
    ) -> list[Any]:
        """Return a row for each input, in their order, or the error that it met.

        An input that is an error already stays one. Other requests have a turn now and again.

        Args:
            task: whose inputs they are.
            inputs: as `Engine.predict` takes them.
            metrics: what is told of each decoding.
            deadline: the point of `time.monotonic()` after which nothing more is decoded.

        Raises:
            DeadlineExceededError, OverloadedError: for all of them.
        """
        rows: list[Any] = []
        turn_ends = time.monotonic() + _MAX_SECONDS_AT_A_TIME
        for data in inputs:
            if time.monotonic() > turn_ends:
                await asyncio.sleep(0)
                turn_ends = time.monotonic() + _MAX_SECONDS_AT_A_TIME
            if isinstance(data, TridentError):
                rows.append(data)
                continue
            started = time.monotonic()
            if started >= deadline:
                raise deadline_exceeded()
            try:
                rows.append(await self._decode(task, data, deadline))
            finally:
                metrics.decoded(time.monotonic() - started)
        return rows

    async def _decode(self, task: AnyTask, data: Any, deadline: float) -> Any:
        try:
            if task.decodes_in_thread(data):
                return await self._decode_aside(task, data, deadline)
            return task.decode(data)
        except (DeadlineExceededError, OverloadedError):  # the whole request's
            raise
        except TridentError as error:
            return error.with_traceback(None)  # its frames would hold on to what was being decoded
        except Exception as error:  # it mustn't spoil the inputs beside this one
            failure = InternalError("The service failed on this input, see its log.")
            failure.__cause__ = error
            return failure

    async def _decode_aside(self, task: AnyTask, data: Any, deadline: float) -> Any:
        """Decode in a thread, once there is one and room for what that takes."""
        stage, size = self._account.decoding, task.decoding_bytes(data)
        loop = asyncio.get_running_loop()

        def give_back(_: object) -> None:
            with suppress(RuntimeError):  # the loop has been closed
                loop.call_soon_threadsafe(stage.give_back, size)

        async with until(deadline):
            await stage.take(size)
            # A thread that has begun goes on beyond the deadline: it gives back when it ends.
            decoding = self._threads.submit(task.decode, data)
            decoding.add_done_callback(give_back)
            return await asyncio.wrap_future(decoding)


@asynccontextmanager
async def until(deadline: float) -> AsyncIterator[None]:
    """Raise DeadlineExceededError if what is waited for isn't there by the deadline."""
    timeout = asyncio.timeout(deadline - time.monotonic())
    try:
        async with timeout:
            yield
    except TimeoutError:
        if timeout.expired():
            raise deadline_exceeded() from None
        raise
