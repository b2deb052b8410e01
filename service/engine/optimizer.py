"""Finding each model's faster programs, in a thread of its own, behind the traffic."""

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
    """Takes one step of each model in turn, so that every model's small shapes come first."""

    def __init__(self, races: Sequence[tuple[ModelCard, Iterator[Race]]]) -> None:
        """Prepare to run `races`, the steps of `Task.optimize` for each model."""
        self._races = list(races)
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="optimizer", daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def stop(self) -> None:
        """Stop after the step under way."""
        self._stopped.set()

    def _run(self) -> None:
        # At normal priority: a thread of low priority that holds the interpreter's lock and isn't
        # run would stop the whole process.
        while self._races and not self._stopped.is_set():
            card, races = self._races.pop(0)
            if self._step(card, races):
                self._races.append((card, races))
        _return_free_memory()
        logger.info("all shapes are timed, the faster programs are in place")

    def _step(self, card: ModelCard, races: Iterator[Race]) -> bool:
        """Run one race; tell whether there may be more."""
        try:
            race = next(races, None)
        except Exception as error:
            reason = type(error).__name__
            logger.warning("%s/%d is made no faster: %s", card.name, card.version, reason)
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
    """Give what compiling has used back to the system; the C library would keep it for later."""
    if platform.libc_ver()[0] == "glibc":
        ctypes.CDLL(None).malloc_trim(0)
