"""A version of a model that is served: its card, its task and its queue."""

import asyncio
import logging
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from service.engine.batcher import Batcher
from service.engine.folder.artifact import Artifact, unchanged
from service.engine.limits import Limits
from service.runtime.card import ModelCard
from service.runtime.golden import check_golden
from service.runtime.memory_limit import limited_memory
from service.runtime.runner import Race, ShapeProgram
from service.runtime.saved_model import SavedModel
from service.tasks.kinds import make_task
from service.tasks.task import AnyTask
from service.telemetry.metrics import ModelMetrics, record_loaded

logger = logging.getLogger(__name__)


@dataclass(slots=True, eq=False)
class ServedModel:
    """A loaded version of a model with its queue. It belongs to one event loop."""

    artifact: Artifact
    saved_model: SavedModel
    task: AnyTask
    batcher: Batcher[Any, Any]
    metrics: ModelMetrics
    races: Iterator[Race]
    """The steps that find its fastest programs."""
    _uses: int = 0
    _unused: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def card(self) -> ModelCard:
        """What its `model.json` says."""
        return self.artifact.card

    @property
    def name(self) -> str:
        """The model's name."""
        return self.artifact.card.name

    @property
    def version(self) -> int:
        """The model's version, 1 or more."""
        return self.artifact.card.version

    @property
    def kind(self) -> str:
        """The kind of its task, for instance "image_classification"."""
        return self.artifact.card.task

    @property
    def tensorflow(self) -> str:
        """The version of TensorFlow by which it was made."""
        return self.card.libraries.get("tensorflow", "unknown")

    def programs(self) -> Sequence[ShapeProgram]:
        """Return which program runs each shape, and its measurements so far."""
        return self.task.programs()

    @contextmanager
    def used(self) -> Iterator[None]:
        """Keep it loaded during a request."""
        self._uses += 1
        try:
            yield
        finally:
            self._uses -= 1
            if not self._uses:
                self._unused.set()

    async def drain(self) -> None:
        """Answer the requests that use it, and close its queue. It must not be found any more."""
        while self._uses:
            self._unused.clear()
            await self._unused.wait()
        await self.batcher.close()


def load_model(
    artifact: Artifact, limits: Limits, before: ServedModel | None = None
) -> ServedModel:
    """Load a version, check its golden answers, warm it up and put a queue in front of it.

    Args:
        artifact: the version.
        limits: what a request may take.
        before: the version that it replaces. What is known of its speed is expected of the new one.

    Raises:
        CorruptModelError: the model doesn't match its card, or answers wrongly on this machine.
    """
    card = artifact.card
    started = time.monotonic()
    with ExitStack() as failing, limited_memory():
        with unchanged(artifact):
            model = SavedModel(artifact.path)
            failing.callback(model.close)
            task = make_task(model, card, limits)
            loaded = time.monotonic()
            check_golden(model, card, artifact.path)
        if before is not None:
            task.expect(before.programs())
        task.warm_up()
        failing.pop_all()
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
        card.name, card.version, labels=card.labels or (), queue_limit=limits.max_queue_size
    )
    batcher = _make_batcher(card, task, metrics, limits)
    if before is not None:
        batcher.seconds_per_row = before.batcher.seconds_per_row
        batcher.limit.pace = before.batcher.limit.pace
    return ServedModel(artifact, model, task, batcher, metrics, task.optimize())


def _make_batcher(
    card: ModelCard, task: AnyTask, metrics: ModelMetrics, limits: Limits
) -> Batcher[Any, Any]:
    return Batcher(
        task.predict,
        executor=ThreadPoolExecutor(1, thread_name_prefix=card.name),
        metrics=metrics,
        max_batch_size=limits.max_batch_size,
        max_queue_size=limits.max_queue_size,
        max_queue_seconds=limits.max_queue_seconds,
        max_inline_seconds=limits.max_inline_seconds,
        may_run_inline=task.may_run_inline,
        observe=partial(task.observe, metrics),
    )
