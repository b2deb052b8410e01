"""The life of a worker process: it loads, is ready, drains, and ends."""

import asyncio
import gc
import logging
import os
import signal
import sys
import time
from contextlib import suppress
from functools import partial
from typing import Final

import bentoml

from service import __version__
from service.api.grpc_server import GrpcServer
from service.bento.ready_mark import ReadyMark
from service.engine.engine import Engine
from service.engine.watchdog import Hang, Watchdog
from service.errors import DeadlineExceededError
from service.runtime.saved_model import tensorflow_version
from service.telemetry.metrics import record_build, record_ready
from service.telemetry.worker_exits import HUNG
from service.transport.closing_port import Acceptance

logger = logging.getLogger(__name__)

# For a thread that computes to give up the interpreter's lock. Python's own 5 ms would hold up the
# event loop while a version is loaded: with 1 ms, its p99 was 0.65 to 0.7 times as long.
_SWITCH_SECONDS: Final = 0.001
_FAREWELL_SECONDS: Final = 2.0  # between the end of a worker that hangs and the process's
_CLOSE_SECONDS: Final = (
    1.0  # for the engine to close, when no caller waits for its answers any more
)


class Lifecycle:
    """What a worker does from its start to its end. It belongs to one event loop."""

    def __init__(
        self,
        engine: Engine,
        grpc_server: GrpcServer,
        ready_mark: ReadyMark,
        *,
        drain_timeout: float,
        call_timeout: float,
    ) -> None:
        """Give calls in progress `drain_timeout` seconds when the worker stops.

        When a call of a model has run for `call_timeout` seconds, the worker ends.
        """
        self._engine = engine
        self._grpc = grpc_server
        self._ready_mark = ready_mark
        self._drain_timeout = drain_timeout
        self._call_timeout = call_timeout
        self._hangs = False
        self._loading: asyncio.Task[None] | None = None
        self._stopping = False
        self._draining: asyncio.Task[None] | None = None

    @property
    def ready(self) -> bool:
        """Whether both protocols answer, and the worker isn't stopping."""
        return self._grpc.serving

    @property
    def hangs(self) -> bool:
        """Whether it ends because a call of a model doesn't."""
        return self._hangs

    @property
    def takes_connections(self) -> bool:
        """Whether it takes its share of the connections that workers share."""
        return (self.ready or self._stopping) and not self._hangs

    async def start(self) -> None:
        """Load the models in the background: alive at once, ready when they answer."""
        sys.setswitchinterval(_SWITCH_SECONDS)
        record_ready(ready=False)
        await self._grpc.start()
        watchdog = Watchdog(
            self._engine,
            call_timeout=self._call_timeout,
            on_hang=partial(self._end_hung, asyncio.get_running_loop()),
        )
        watchdog.start()
        self._loading = asyncio.create_task(self._load())

    def begin_stop(self, acceptance: Acceptance | None = None) -> None:
        """Stop being ready, but take gRPC calls as `acceptance` says; finish the last ones."""
        if self._draining is None:
            self._stopping = self.ready and acceptance is not None
            if self._loading is not None:
                self._loading.cancel()
            record_ready(ready=False)
            self._ready_mark.set(ready=False)
            self._draining = asyncio.create_task(self._grpc.stop(self._drain_timeout, acceptance))

    async def stop(self) -> None:
        """Wait for the gRPC calls in progress, then close the engine."""
        self.begin_stop()
        if self._draining is not None:
            await self._draining
        with suppress(TimeoutError):
            await asyncio.wait_for(self._engine.close(), _CLOSE_SECONDS)

    def _end_hung(self, loop: asyncio.AbstractEventLoop, hang: Hang) -> None:
        """End the process, in the watchdog's thread. Other requests have a moment to finish."""
        logger.error("%s: this worker ends, and another takes its place", hang.what)
        # Before the callers get their answers: their next connections go to the other workers.
        self._hangs = True
        self._ready_mark.set(ready=False)
        if hang.model is not None:
            loop.call_soon_threadsafe(hang.model.batcher.give_up, _hung(self._call_timeout))
        os.kill(os.getpid(), signal.SIGTERM)  # it drains, if the event loop isn't stuck
        time.sleep(_FAREWELL_SECONDS)
        os._exit(HUNG)

    def end_if_hung(self) -> None:
        """End the process if something hangs: Python itself would wait for that thread."""
        if self._hangs:
            os._exit(HUNG)

    async def _load(self) -> None:
        try:
            await self._engine.load()
        except Exception as error:
            logger.exception(
                "the models can't be loaded: not ready. Fix the cause and restart the service. "
                "The cause: %s",
                error,  # noqa: TRY401 - the traceback has no message
            )
            return
        record_build(
            version=__version__, tensorflow=tensorflow_version(), bentoml=bentoml.__version__
        )
        # What is loaded stays in memory: the garbage collector needn't traverse it again.
        gc.collect()
        gc.freeze()
        self._grpc.serve()
        self._ready_mark.set(ready=True)
        record_ready(ready=True)
        logger.info("ready: gRPC on port %d", self._grpc.port)


def _hung(seconds: float) -> DeadlineExceededError:
    return DeadlineExceededError(
        f"The model hasn't answered within {seconds:g} s. If it does so again for the same inputs, "
        "don't send them."
    )
