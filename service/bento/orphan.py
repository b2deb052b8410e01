"""A worker ends when the supervisor that started it has died.

A supervisor that is killed can't tell its workers to end. Without it nobody replaces or stops them,
and they keep both ports.
"""

import logging
import os
import signal
import threading
import time
from typing import Final

SUPERVISOR: Final = "TRIDENT_SUPERVISOR_PID"
"""Environment variable with the id of a worker's supervisor, which must be its parent process."""

END_SECONDS: Final = 4.0
"""Seconds that a worker may take to end after its last call."""

logger = logging.getLogger(__name__)

_LOOK_SECONDS: Final = 0.5


def end_with_supervisor(patience: float) -> None:
    """From now on, end this process within `patience` seconds when its supervisor has died."""
    supervisor = os.environ.get(SUPERVISOR)
    if supervisor is not None:
        arguments = int(supervisor), patience
        threading.Thread(target=_watch, args=arguments, name="orphan", daemon=True).start()


def is_orphan() -> bool:
    """Tell whether this process had a supervisor that has died."""
    supervisor = os.environ.get(SUPERVISOR)
    return supervisor is not None and os.getppid() != int(supervisor)


def _watch(supervisor: int, patience: float) -> None:
    while os.getppid() == supervisor:
        time.sleep(_LOOK_SECONDS)
    logger.error("the supervisor, process %d, has died: this worker ends too", supervisor)
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(patience)
    os.kill(os.getpid(), signal.SIGKILL)
