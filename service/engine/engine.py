"""The engine: it runs one of the models that are served on the inputs of each request."""

import math
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from service.admission import Account
from service.engine.decoding import Decoder, until
from service.engine.folder.artifact import Key
from service.engine.limits import Limits
from service.engine.registry import ModelChoice, Registry
from service.engine.rollout.agreement import Agreement
from service.engine.rollout.leader import Watching
from service.engine.rollout.loading_guard import LoadingGuard
from service.engine.rollout.rollout import Rollout
from service.engine.served_model import ServedModel
from service.engine.shadow import ShadowTraffic
from service.errors import (
    MalformedRequestError,
    NotReadyError,
    OverloadedError,
    TooLargeError,
    TridentError,
)
from service.prediction import Prediction, Timing
from service.tasks.task import AnyTask


class Engine:
    """Answers for the models of a folder. It belongs to one event loop."""

    def __init__(self, watching: Watching, limits: Limits, *, shared: Path | None = None) -> None:
        """Load nothing yet.

        Args:
            watching: the folder of models, and how it is watched.
            limits: what a request, and all of them together, may take.
            shared: the folder by which the processes of one service agree on the versions; None if
                there is only this process.
        """
        self._watching = watching
        self._limits = limits
        self._shared = shared
        self.registry = Registry()
        """The models that are served."""
        self.account = Account(limits.max_inflight_bytes)
        """The bytes that requests may use. The adapters reserve a body's before they read it."""
        self.rollout: Rollout | None = None
        """How versions come and go; None until `load` is called."""
        self._temporary: tempfile.TemporaryDirectory[str] | None = None
        self._ready = False
        self._decoder = Decoder(limits.decoders, self.account)
        self._congested: set[tuple[str, int]] = set()
        self._shadows = ShadowTraffic(self._decoder, self.account)

    @property
    def ready(self) -> bool:
        """Whether models are loaded and warm, and the engine isn't closing."""
        return self._ready

    def loaded(self) -> Sequence[ServedModel]:
        """Return all versions in memory, also those that nobody finds yet or any more."""
        return () if self.rollout is None else self.rollout.loaded()

    @property
    def loading(self) -> Key | None:
        """The version that is being loaded, if one is. Any thread may ask, also for `loaded`."""
        return None if self.rollout is None else self.rollout.loading

    def kind_of(self, choice: ModelChoice) -> str:
        """Return the kind of a model's task, for instance "image_classification".

        Raises:
            NotReadyError, UnknownModelError: the model isn't served.
        """
        self._check_ready()
        return self.registry.find(None, choice).kind

    async def load(self) -> None:
        """Load the models, warm them up, and keep them up to date with the folder.

        A version that can't be loaded is rejected. The log and the metrics name it. It returns when
        a model is served.
        """
        shared = self._shared or self._own_folder()
        agreement = Agreement(shared)
        self.registry = Registry(agreement.committed)
        guard = LoadingGuard(shared / "loading")
        self.rollout = Rollout(self._watching, agreement, guard, self.registry, self._limits)
        await self.rollout.start()
        self._ready = True

    async def close(self) -> None:
        """Refuse the requests that wait, and let running batches finish."""
        self._ready = False
        self._shadows.close()
        if self.rollout is not None:
            await self.rollout.close()
        self._decoder.close()
        if self._temporary is not None:
            self._temporary.cleanup()

    def _own_folder(self) -> Path:
        self._temporary = tempfile.TemporaryDirectory(prefix="trident-")
        return Path(self._temporary.name)

    async def predict(
        self,
        kind: str,
        inputs: Sequence[Any],
        choice: ModelChoice,
        *,
        deadline: float,
    ) -> Prediction:
        """Run a model on inputs (image files as bytes, texts, or tensors).

        If the call is cancelled, its inputs that still wait are dropped.

        An input that can't be decoded, or on which the model fails, has an error as its outcome.
        The adapter passes an error instead of an input that it couldn't read; it stays an error.

        Args:
            kind: the task that the model must have, for instance "image_classification".
            inputs: one or more.
            choice: the model that the caller asks for.
            deadline: the time of `time.monotonic()` until which the caller waits.

        Raises:
            NotReadyError, UnknownModelError, MalformedRequestError, TooLargeError,
            OverloadedError, DeadlineExceededError: as their names say, for the whole request.
        """
        self._check_ready()
        served = self.registry.find(kind, choice)
        self._check_count(len(inputs))
        row_bytes = _row_bytes(served.task, inputs)
        self._check_queue(served, len(inputs), deadline)
        with served.used():
            prediction = await self._run(served, inputs, row_bytes, deadline)
        shadow = self.registry.shadow_of(served)
        if shadow is not None:
            self._shadows.ask(shadow, served, inputs, prediction.outcomes, row_bytes)
        return prediction

    @property
    def is_congested(self) -> bool:
        """Whether a model's queue was too long for the last request that came."""
        return bool(self._congested)

    def check_congested(self, kind: str, choice: ModelChoice) -> None:
        """Check that a request for one of the models that were congested may be tried now.

        An adapter calls it before it reads a request, while `is_congested`: the sooner a request
        is refused, the less it costs.

        Raises:
            OverloadedError: it would be refused, even with a single input.
            NotReadyError, UnknownModelError: as `predict` does.
        """
        served = self.registry.find(kind, choice)
        if (served.name, served.version) in self._congested:
            self._check_queue(served, 1, math.inf)
            self._congested.discard((served.name, served.version))

    def _check_queue(self, served: ServedModel, count: int, deadline: float) -> None:
        try:
            served.batcher.check(count, deadline)
        except OverloadedError as error:
            if error.reason == "queue":
                self._congested.add((served.name, served.version))
            raise

    async def _run(
        self, served: ServedModel, inputs: Sequence[Any], row_bytes: int, deadline: float
    ) -> Prediction:
        started = time.monotonic()
        stage = self.account.rows
        if not stage.try_take(row_bytes):
            async with until(deadline):
                await stage.take(row_bytes)
        try:
            decoded = await self._decoder.decode_all(
                served.task, inputs, metrics=served.metrics, deadline=deadline
            )
            decode_seconds = time.monotonic() - started
            rows = [row for row in decoded if not isinstance(row, TridentError)]
            batched = await served.batcher.submit(rows, deadline=deadline)
        finally:
            stage.give_back(row_bytes)
        answers = iter(batched.outcomes)
        return Prediction(
            [row if isinstance(row, TridentError) else next(answers) for row in decoded],
            served.card.name,
            served.card.version,
            Timing(started, decode_seconds, batched.queue, batched.inference),
        )

    def _check_ready(self) -> None:
        if not self._ready:
            raise NotReadyError("The models are still being loaded, or the service is stopping.")

    def _check_count(self, count: int) -> None:
        if count == 0:
            raise MalformedRequestError("The request has no input: send at least one.")
        if count > self._limits.max_inputs:
            raise TooLargeError(
                f"The request has {count} inputs, over the limit of "
                f"{self._limits.max_inputs}: send them in several requests."
            )


def _row_bytes(task: AnyTask, inputs: Sequence[Any]) -> int:
    """Return the most bytes that the inputs' rows hold until they are answered."""
    row_bytes = task.row_bytes
    return sum([row_bytes(data) for data in inputs if not isinstance(data, TridentError)])
