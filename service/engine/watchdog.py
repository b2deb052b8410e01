"""The watchdog: it notices a call of a model that doesn't end, and an event loop that is stuck.

TensorFlow can't be interrupted, so only the process can be ended. The watchdog is a thread, since a
batch may run on the event loop itself. It asks what runs, again and again; nobody reports to it.
"""

import asyncio
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from service.engine.engine import Engine
from service.engine.served_model import ServedModel

LOADING_FACTOR: Final = 10
"""A version may take so many times longer to load than a call may take: it compiles, too."""

_LOOK_SECONDS: Final = 1.0
_LOOKS: Final = 4  # within the time that a call may take, at least
_SLACK_LOOKS: Final = (
    2  # how much later a stuck event loop is noticed than the call that runs on it
)


@dataclass(frozen=True, slots=True)
class Hang:
    """What hangs, for the log, and the model that does, if it is one."""

    what: str
    model: ServedModel | None = None


class _Stopwatch:
    """How long the same thing has been running, as far as the watchdog has seen it."""

    def __init__(self) -> None:
        self._running: object = None
        self._seconds = 0.0

    def seconds(self, running: object, elapsed: float) -> float:
        """Return the seconds; `elapsed` have passed since the last call, `running` is None if idle.

        `running` equals that of the last call if the same thing runs.
        """
        self._seconds = self._seconds + elapsed if running == self._running else 0.0
        self._running = running
        return 0.0 if running is None else self._seconds


class Watchdog:
    """Looks after one worker. `start` is called on its event loop, everything else in a thread."""

    def __init__(
        self, engine: Engine, *, call_timeout: float, on_hang: Callable[[Hang], None]
    ) -> None:
        """Call `on_hang` once, in a thread, when a call has run for `call_timeout` seconds."""
        self._engine = engine
        self._call_timeout = call_timeout
        self._on_hang = on_hang
        self._every = min(_LOOK_SECONDS, call_timeout / _LOOKS)
        self._calls: dict[ServedModel, _Stopwatch] = {}
        self._loading = _Stopwatch()
        self._turning = _Stopwatch()
        self._asked = self._answered = 0

    def start(self) -> None:
        """Look from now on, until the process ends."""
        loop = asyncio.get_running_loop()
        threading.Thread(target=self._watch, args=(loop,), name="watchdog", daemon=True).start()

    def _watch(self, loop: asyncio.AbstractEventLoop) -> None:
        last, hang = time.monotonic(), None
        while hang is None and not loop.is_closed():
            time.sleep(self._every)
            now = time.monotonic()
            # A look that comes late proves nothing: this thread was stopped too, with the process
            # or because another thread had the interpreter's lock.
            hang = self.look(loop, min(now - last, 2 * self._every))
            last = now
        if hang is not None:
            self._on_hang(hang)

    def look(self, loop: asyncio.AbstractEventLoop, elapsed: float) -> Hang | None:
        """Return what hangs, if anything. `elapsed` seconds have passed since the last look."""
        return (
            self._look_at_calls(elapsed)
            or self._look_at_loading(elapsed)
            or self._look_at_loop(loop, elapsed)
        )

    def _look_at_calls(self, elapsed: float) -> Hang | None:
        models = self._engine.loaded()
        self._calls = {model: self._calls.get(model) or _Stopwatch() for model in models}
        for model, stopwatch in self._calls.items():
            call = model.batcher.running_call
            seconds = stopwatch.seconds(call, elapsed)
            if call is not None and seconds >= self._call_timeout:
                name, rows = f"{model.name}/{model.version}", model.batcher.running_rows
                return Hang(
                    f"{name} has been computing a batch of {rows} for {seconds:.0f} s", model
                )
        return None

    def _look_at_loading(self, elapsed: float) -> Hang | None:
        key = self._engine.loading
        seconds = self._loading.seconds(key, elapsed)
        if key is None or seconds < LOADING_FACTOR * self._call_timeout:
            return None
        return Hang(f"{key[0]}/{key[1]} has been loading for {seconds:.0f} s")

    def _look_at_loop(self, loop: asyncio.AbstractEventLoop, elapsed: float) -> Hang | None:
        """Ask the event loop for an answer, one question at a time."""
        waiting = self._asked if self._answered < self._asked else None
        seconds = self._turning.seconds(waiting, elapsed)
        if waiting is None:
            self._asked += 1
            with suppress(RuntimeError):  # it has been closed
                loop.call_soon_threadsafe(self._answer)
        elif seconds >= self._call_timeout + _SLACK_LOOKS * self._every:
            return Hang(f"the event loop has been stuck for {seconds:.0f} s")
        return None

    def _answer(self) -> None:
        self._answered = self._asked
