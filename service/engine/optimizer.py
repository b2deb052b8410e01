"""Finding the fastest program for each shape, in a thread, while requests are answered."""

import ctypes
import gc
import logging
import platform
import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from typing import NamedTuple, TypeAlias

from service.runtime.card import ModelCard
from service.runtime.runner import Race
from service.telemetry.metrics import record_race

logger = logging.getLogger(__name__)

Turn: TypeAlias = Callable[[], AbstractContextManager[None]]


class _Work(NamedTuple):
    card: ModelCard
    races: Iterator[Race]
    turn: Turn


class Optimizer:
    """Takes one step of each model in turn, so that all models have their small shapes first.

    Its thread ends when there is nothing left to do, and begins again with the next model.
    """

    def __init__(self) -> None:
        """Begin without models."""
        self._waiting: deque[_Work] = deque()
        self._changing = threading.Lock()  # of the models that wait, and of the thread
        self._stepping = threading.Lock()  # held during a step
        self._thread: threading.Thread | None = None
        self._is_stopped = False

    def add(self, card: ModelCard, races: Iterator[Race], turn: Turn = nullcontext) -> None:
        """Take a model's steps, those of its `Task.optimize`, each of them within a `turn()`."""
        with self._changing:
            self._waiting.append(_Work(card, races, turn))
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="optimizer", daemon=True)
                self._thread.start()

    def remove(self, card: ModelCard) -> None:
        """Take no more steps of a model; return when none is running. It may take a second."""
        with self._stepping, self._changing:
            self._waiting = deque(work for work in self._waiting if work.card is not card)

    def stop(self) -> None:
        """Stop after the current step."""
        with self._changing:
            self._is_stopped = True
            self._waiting.clear()

    def _run(self) -> None:
        # Not at low priority: a thread that isn't run while it has the interpreter's lock stops
        # the whole process.
        while self._take_next_step():
            pass
        return_free_memory()
        logger.info("all shapes are timed, each runs its fastest program")

    def _take_next_step(self) -> bool:
        """Take a step of the next model. Return whether there was one."""
        with self._stepping:
            with self._changing:
                if not self._waiting:
                    self._thread = None
                    return False
                work = self._waiting.popleft()
            with work.turn():
                has_more = take_step(work.card, work.races)
            if has_more:
                with self._changing:
                    if not self._is_stopped:
                        self._waiting.append(work)
        return True


def take_step(card: ModelCard, races: Iterator[Race]) -> bool:
    """Take the next of a model's steps. Return whether there may be more."""
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


def return_free_memory() -> None:
    """Give memory that isn't used any more back to the system.

    What a TensorFlow graph consists of refers to each other, so only the garbage collector frees
    it, and that hardly ever looks at all objects by itself: a megabyte stayed of each version. The
    C library would keep what it gets.
    """
    gc.collect()
    if platform.libc_ver()[0] == "glibc":
        ctypes.CDLL(None).malloc_trim(0)
