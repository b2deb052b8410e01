"""The engine: it loads the models, and runs one of them on the inputs of each request."""

import asyncio
import logging
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from service.admission import Account
from service.engine.decoding import Decoder, until
from service.engine.limits import Limits
from service.engine.optimizer import Optimizer
from service.engine.registry import Registry
from service.engine.repository import Artifact, RejectedVersion, read_models
from service.engine.served_model import ServedModel, load_model
from service.errors import (
    CorruptModelError,
    MalformedRequestError,
    NotReadyError,
    TooLargeError,
    TridentError,
)
from service.prediction import Prediction, Timing
from service.runtime.saved_model import configure_tensorflow
from service.tasks.task import AnyTask
from service.telemetry.metrics import record_rejected

logger = logging.getLogger(__name__)


class Engine:
    """Loads the models and answers for them. It belongs to one event loop."""

    def __init__(self, models: Path, limits: Limits) -> None:
        self._folder = models
        self._limits = limits
        self.registry = Registry()
        """The models that are served."""
        self.account = Account(limits.max_inflight_bytes)
        """The bytes that requests may use. The adapters reserve a body's before they read it."""
        self._ready = False
        self._optimizer: Optimizer | None = None
        self._decoder = Decoder(limits.decoders, self.account)

    @property
    def ready(self) -> bool:
        """Whether all models are loaded and warm, and the engine isn't closing."""
        return self._ready

    def kind_of(self, model: str, version: int | None = None) -> str:
        """Return the kind of a model's task, for instance "image_classification".

        Raises:
            NotReadyError, UnknownModelError: the model isn't served.
        """
        self._check_ready()
        return self.registry.find(name=model, version=version).kind

    async def load(self) -> None:
        """Load the models and warm them up, then start to find their fastest programs.

        A version that can't be loaded is rejected. The log and the metrics name it.

        Raises:
            CorruptModelError: no version can be loaded.
        """
        await asyncio.to_thread(self._load)
        self._ready = True
        self._optimizer = Optimizer(
            [(model.card, model.task.optimize()) for model in self.registry.models()]
        )
        self._optimizer.start()

    async def close(self) -> None:
        """Refuse the requests that wait, and let running batches finish."""
        self._ready = False
        if self._optimizer is not None:
            self._optimizer.stop()
        await asyncio.gather(*(model.batcher.close() for model in self.registry.models()))
        self._decoder.close()

    async def predict(
        self,
        kind: str,
        inputs: Sequence[Any],
        *,
        model: str | None = None,
        version: int | None = None,
        deadline: float,
    ) -> Prediction:
        """Run a model on inputs (image files as bytes, texts, or tensors).

        If the call is cancelled, its inputs that still wait are dropped.

        An input that can't be decoded, or on which the model fails, has an error as its outcome.
        The adapter passes an error instead of an input that it couldn't read; it stays an error.

        Args:
            kind: the task that the model must have, for instance "image_classification".
            inputs: one or more.
            model: the model's name; the default of the kind if None.
            version: the model's version; the newest that is served if None.
            deadline: the time of `time.monotonic()` until which the caller waits.

        Raises:
            NotReadyError, UnknownModelError, MalformedRequestError, TooLargeError,
            OverloadedError, DeadlineExceededError: as their names say, for the whole request.
        """
        self._check_ready()
        served = self.registry.find(kind, model, version)
        self._check_count(len(inputs))
        started = time.monotonic()
        row_bytes, stage = _row_bytes(served.task, inputs), self.account.rows
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

    def _load(self) -> None:
        configure_tensorflow()
        folder = read_models(self._folder)
        for rejected in folder.rejected:
            self._reject(rejected)
        loaded = [self._try_to_load(artifact) for artifact in folder.artifacts]
        models = [model for model in loaded if model is not None]
        if not models:
            raise CorruptModelError(" ".join(r.reason for r in self.registry.rejected))
        self.registry.change(add=models, defaults=folder.defaults)

    def _try_to_load(self, artifact: Artifact) -> ServedModel | None:
        card = artifact.card
        try:
            return load_model(artifact, self._limits)
        except Exception as error:
            if not isinstance(error, CorruptModelError):
                logger.exception("%s/%d failed while it was loaded", card.name, card.version)
            self._reject(RejectedVersion(card.name, str(card.version), card.task, str(error)))
            return None

    def _reject(self, version: RejectedVersion) -> None:
        logger.error("%s/%s isn't served: %s", version.name, version.version, version.reason)
        record_rejected(version.name, version.version)
        self.registry.change(reject=[version])


def _row_bytes(task: AnyTask, inputs: Sequence[Any]) -> int:
    """Return the most bytes that the inputs' rows hold until they are answered."""
    row_bytes = task.row_bytes
    return sum([row_bytes(data) for data in inputs if not isinstance(data, TridentError)])
