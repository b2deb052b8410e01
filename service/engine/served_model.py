"""A version of a model that is served: its card, its task and its queue."""

import logging
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Any

from service.engine.batcher import Batcher
from service.engine.limits import Limits
from service.engine.repository import Artifact
from service.runtime.card import ModelCard
from service.runtime.runner import ShapeProgram
from service.runtime.saved_model import SavedModel
from service.tasks.kinds import make_task
from service.tasks.task import AnyTask
from service.telemetry.metrics import ModelMetrics, record_loaded

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, eq=False)
class ServedModel:
    """A loaded version of a model with its queue.

    `version_labels` are names such as "stable" by which the version can be asked for.
    """

    card: ModelCard
    task: AnyTask
    batcher: Batcher[Any, Any]
    metrics: ModelMetrics
    version_labels: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """The model's name."""
        return self.card.name

    @property
    def version(self) -> int:
        """The model's version, 1 or more."""
        return self.card.version

    @property
    def kind(self) -> str:
        """The kind of its task, for instance "image_classification"."""
        return self.card.task

    def programs(self) -> Sequence[ShapeProgram]:
        """Return which program runs each shape, and its measurements so far."""
        return self.task.programs()


def load_model(artifact: Artifact, limits: Limits) -> ServedModel:
    """Load a model, warm it up and put a queue in front of it.

    Raises:
        CorruptModelError: the model doesn't match its card.
    """
    card = artifact.card
    started = time.monotonic()
    task = make_task(SavedModel(artifact.path), card, limits)
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
        card.name, card.version, labels=card.labels or (), queue_limit=limits.max_queue_size
    )
    return ServedModel(card, task, _make_batcher(card, task, metrics, limits), metrics)


def _make_batcher(
    card: ModelCard, task: AnyTask, metrics: ModelMetrics, limits: Limits
) -> Batcher[Any, Any]:
    return Batcher(
        task.predict,
        executor=ThreadPoolExecutor(1, thread_name_prefix=card.name),
        metrics=metrics,
        max_batch_size=limits.max_batch_size,
        max_queue_size=limits.max_queue_size,
        max_inline_seconds=limits.max_inline_seconds,
        may_run_inline=task.may_run_inline,
        observe=partial(task.observe, metrics),
    )
