"""Finding the fastest program for each shape, in a thread, while requests are answered."""

import ctypes
import logging
import platform
import threading
from collections.abc import Iterator, Sequence

from service.runtime.card import ModelCard
from service.runtime.runner import Race
from service.telemetry.metrics import record_race

logger = logging.getLogger(__name__)


class Optimizer:
    """Takes one step of each model in turn, so that all models have their small shapes first."""

    def __init__(self, races: Sequence[tuple[ModelCard, Iterator[Race]]]) -> None:
        """Take `races`: for each model, the steps of `Task.optimize`."""
        self._races = list(races)
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="optimizer", daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def stop(self) -> None:
        """Stop after the current step."""
        self._stopped.set()

    def _run(self) -> None:
        # Not at low priority: a thread that isn't run while it has the interpreter's lock stops
        # the whole process.
        while self._races and not self._stopped.is_set():
            card, races = self._races.pop(0)
            if self._step(card, races):
                self._races.append((card, races))
        _return_free_memory()
        logger.info("all shapes are timed, each runs its fastest program")

    def _step(self, card: ModelCard, races: Iterator[Race]) -> bool:
        """Run one race; return whether there may be more."""
        try:
            race = next(races, None)
        except Exception as error:
            reason = type(error).__name__
            logger.warning(
                "%s/%d: %s while programs were compiled: its other shapes run plain",
                card.name,
                card.version,
                reason,
            )
            return False
        if race is None:
            return False
        shape = race.written_shape
        record_race(
            card.name,
            card.version,
            shape,
            plain=race.plain,
            compiled=race.compiled,
            use_compiled=race.use_compiled,
        )
        logger.info(
            "%s/%d %s: plain %.2f ms, compiled %.2f ms, %s used",
            card.name,
            card.version,
            shape,
            race.plain * 1e3,
            race.compiled * 1e3,
            "compiled" if race.use_compiled else "plain",
        )
        return True


def _return_free_memory() -> None:
    """Give the memory that compiling used back to the system; the C library would keep it."""
    if platform.libc_ver()[0] == "glibc":
        ctypes.CDLL(None).malloc_trim(0)
