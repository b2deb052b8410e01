"""The engine: every model that is served, and the one way to put inputs through it."""

import asyncio
import logging
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from service.admission import Account
from service.engine.batcher import Batcher
from service.engine.decoding import Decoder, until
from service.engine.optimizer import Optimizer
from service.engine.repository import Artifact, RejectedVersion, read_models
from service.errors import (
    CorruptModelError,
    MalformedRequestError,
    NotReadyError,
    TooLargeError,
    TridentError,
    UnknownModelError,
)
from service.prediction import Prediction, Timing
from service.runtime.card import ModelCard
from service.runtime.saved_model import SavedModel, configure_tensorflow
from service.tasks.image_classification import ImageClassification
from service.tasks.image_embedding import ImageEmbedding
from service.tasks.task import AnyTask
from service.tasks.text_classification import TextClassification
from service.telemetry.metrics import ModelMetrics, record_loaded, record_rejected

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How much the engine takes on: inputs a batch, waiting, a request; pixels an image.

    `max_inflight_bytes` is what the requests under way may hold (see `Account`). `decoders` is how
    many large images are decoded at a time, beside the event loop; `hold_seconds` how long a batch
    may hold the event loop (see `Batcher`).
    """

    max_batch_size: int
    max_queue_size: int
    max_inputs: int
    max_pixels: int
    max_inflight_bytes: int
    decoders: int
    hold_seconds: float


@dataclass(frozen=True, slots=True)
class ServedModel:
    """A loaded model with its queue."""

    card: ModelCard
    task: AnyTask
    batcher: Batcher[Any, Any]
    metrics: ModelMetrics


class Engine:
    """Loads the models and answers for them. It belongs to one event loop."""

    def __init__(self, models: Path, limits: Limits) -> None:
        self._folder = models
        self._limits = limits
        self._models: list[ServedModel] = []
        self._rejected: list[RejectedVersion] = []
        self._defaults: dict[str, str] = {}
        self.account = Account(limits.max_inflight_bytes)
        """What the requests under way hold: the adapters take a body's part before they read it."""
        self._ready = False
        self._optimizer: Optimizer | None = None
        self._decoder = Decoder(limits.decoders, self.account)

    @property
    def ready(self) -> bool:
        """Whether all models are loaded and warm, and the engine isn't closing."""
        return self._ready

    async def load(self) -> None:
        """Load and warm the models, then go on to speed them up.

        A version that can't be loaded is left out, and named in the log and in the metrics.

        Raises:
            CorruptModelError: not one can be loaded.
        """
        await asyncio.to_thread(self._load)
        self._ready = True
        self._optimizer = Optimizer([(m.card, m.task.optimize()) for m in self._models])
        self._optimizer.start()

    async def close(self) -> None:
        """Refuse what waits, let what runs finish."""
        self._ready = False
        if self._optimizer is not None:
            self._optimizer.stop()
        await asyncio.gather(*(model.batcher.close() for model in self._models))
        self._decoder.close()

    async def predict(
        self,
        task: str,
        inputs: Sequence[Any],
        *,
        model: str | None = None,
        version: int | None = None,
        deadline: float,
    ) -> Prediction:
        """Put inputs (image files as bytes, or texts) through a model of the task.

        A call that is cancelled costs nothing more: what still waits of it is never computed.

        An input that can't be decoded, or on which the model fails, has its error in its place;
        so does one that is an error already, because the adapter couldn't read it.

        Args:
            task: the card's task, for instance "image_classification".
            inputs: one or more.
            model: the model's name; the task's default if None.
            version: the model's version; the newest that is served if None.
            deadline: the point of `time.monotonic()` at which the caller gives up.

        Raises:
            NotReadyError, UnknownModelError, MalformedRequestError, TooLargeError,
            OverloadedError, DeadlineExceededError: as their names say, for the whole request.
        """
        if not self._ready:
            raise NotReadyError("The models are still being loaded, or the service is stopping.")
        served = self._select(task, model, version)
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

    def _check_count(self, count: int) -> None:
        if count == 0:
            raise MalformedRequestError("The request holds no input: send at least one.")
        if count > self._limits.max_inputs:
            raise TooLargeError(
                f"The request holds {count} inputs, over the limit of "
                f"{self._limits.max_inputs}: send them in several requests."
            )

    def _select(self, task: str, name: str | None, version: int | None) -> ServedModel:
        chosen = name or self._defaults.get(task)
        for model in self._models:
            card = model.card
            if card.task == task and card.name == chosen and version in (None, card.version):
                return model
        raise self._unknown(task, chosen, version)

    def _unknown(self, task: str, name: str | None, version: int | None) -> TridentError:
        """Return the error of a choice that no model fits."""
        for rejected in self._rejected:
            if rejected.name == name and version in (None, int(rejected.version)):
                return NotReadyError(
                    f"{name}/{rejected.version} can't be served: it is damaged or incomplete, as "
                    "the service's log says."
                )
        here = [model.card for model in self._models if model.card.task == task]
        known = ", ".join(f"{card.name}/{card.version}" for card in here) or "none"
        if name is None and here:
            return UnknownModelError(
                f"Several models answer here, and none is the default: name one. There is: {known}."
            )
        return UnknownModelError(
            f"No model {name or 'of any name'}, version {version or 'any'}, answers here. "
            f"There is: {known}."
        )

    def _load(self) -> None:
        configure_tensorflow()
        folder = read_models(self._folder)
        for rejected in folder.rejected:
            self._reject(rejected)
        for artifact in folder.artifacts:
            card = artifact.card
            try:
                self._models.append(self._load_model(artifact))
            except Exception as error:
                if not isinstance(error, CorruptModelError):
                    logger.exception("%s/%d fails while it is loaded", card.name, card.version)
                reason = str(error)
                self._reject(RejectedVersion(card.name, str(card.version), card.task, reason))
        if not self._models:
            raise CorruptModelError(" ".join(rejected.reason for rejected in self._rejected))
        self._defaults = folder.defaults

    def _reject(self, version: RejectedVersion) -> None:
        logger.error("%s/%s isn't served: %s", version.name, version.version, version.reason)
        record_rejected(version.name, version.version)
        self._rejected.append(version)

    def _load_model(self, artifact: Artifact) -> ServedModel:
        card = artifact.card
        started = time.monotonic()
        task = self._make_task(SavedModel(artifact.path), card)
        loaded = time.monotonic()
        task.warm_up()
        warm = time.monotonic()
        record_loaded(
            card.name,
            card.version,
            task=card.task,
            tensorflow=card.libraries.get("tensorflow", "unknown"),
            load=loaded - started,
            warm_up=warm - loaded,
        )
        logger.info("loaded %s/%d in %.1f s", card.name, card.version, warm - started)
        metrics = ModelMetrics(
            card.name,
            card.version,
            labels=card.labels or (),
            queue_limit=self._limits.max_queue_size,
        )
        batcher: Batcher[Any, Any] = Batcher(
            task.predict,
            executor=ThreadPoolExecutor(1, thread_name_prefix=card.name),
            metrics=metrics,
            max_batch_size=self._limits.max_batch_size,
            max_queue_size=self._limits.max_queue_size,
            hold_seconds=self._limits.hold_seconds,
            is_quick=task.is_quick,
            observe=partial(task.observe, metrics),
        )
        return ServedModel(card, task, batcher, metrics)

    def _make_task(self, model: SavedModel, card: ModelCard) -> AnyTask:
        most, pixels = self._limits.max_batch_size, self._limits.max_pixels
        match card.task:
            case "image_classification":
                return ImageClassification(model, card, max_batch_size=most, max_pixels=pixels)
            case "image_embedding":
                return ImageEmbedding(model, card, max_batch_size=most, max_pixels=pixels)
            case "text_classification":
                return TextClassification(model, card, max_batch_size=most)
            case unknown:
                raise CorruptModelError(f"{card.name}: nothing serves the task {unknown!r}.")


def _row_bytes(task: AnyTask, inputs: Sequence[Any]) -> int:
    """Return the most bytes that the inputs' rows hold until they are answered."""
    row_bytes = task.row_bytes
    return sum([row_bytes(data) for data in inputs if not isinstance(data, TridentError)])
