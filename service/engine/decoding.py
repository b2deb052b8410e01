"""Decoding a request's inputs: before its deadline, and within the bytes that are free."""

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
    MalformedRequestError,
    OverloadedError,
    TridentError,
)
from service.tasks.task import AnyTask
from service.telemetry.metrics import ModelMetrics

_MAX_SECONDS_AT_A_TIME = 0.001  # of decoding on the event loop; then other tasks run


class Decoder:
    """Decodes inputs: small ones on the event loop, large ones in threads."""

    def __init__(self, threads: int, account: Account) -> None:
        """Decode up to `threads` large inputs at a time; their bytes are taken from `account`."""
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="decode")
        self._account = account

    def close(self) -> None:
        """Start no more decoding; inputs that are being decoded finish in their threads."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def decode_all(
        self, task: AnyTask, inputs: Sequence[Any], *, metrics: ModelMetrics, deadline: float
    ) -> list[Any]:
        """Return for each input, in order, a row or the error.

        An input that is an error already stays one. Other requests run in between.

        Args:
            task: the task that decodes them.
            inputs: as `Engine.predict` takes them.
            metrics: they get the time of each decoding.
            deadline: the point of `time.monotonic()` after which nothing more is decoded.

        Raises:
            DeadlineExceededError, MalformedRequestError, OverloadedError: for all of them.
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
                return await self._decode_in_thread(task, data, deadline)
            return task.decode(data)
        except (DeadlineExceededError, MalformedRequestError, OverloadedError):
            # The whole request fails.
            raise
        except TridentError as error:
            return error.with_traceback(None)  # its frames would keep the input in memory
        except Exception as error:  # the other inputs of the request must still be answered
            failure = InternalError("The service failed on this input: see its log.")
            failure.__cause__ = error
            return failure

    async def _decode_in_thread(self, task: AnyTask, data: Any, deadline: float) -> Any:
        """Decode in a thread, once a thread and the bytes that decoding takes are free."""
        stage, size = self._account.decoding, task.decoding_bytes(data)
        loop = asyncio.get_running_loop()

        def give_back(_: object) -> None:
            with suppress(RuntimeError):  # the event loop is closed
                loop.call_soon_threadsafe(stage.give_back, size)

        async with until(deadline):
            await stage.take(size)
            # A thread that has begun goes on after the deadline: the bytes are free when it ends.
            decoding = self._threads.submit(task.decode, data)
            decoding.add_done_callback(give_back)
            return await asyncio.wrap_future(decoding)


@asynccontextmanager
async def until(deadline: float) -> AsyncIterator[None]:
    """Raise DeadlineExceededError if the block is still waiting at the deadline."""
    timeout = asyncio.timeout(deadline - time.monotonic())
    try:
        async with timeout:
            yield
    except TimeoutError:
        if timeout.expired():
            raise deadline_exceeded() from None
        raise
