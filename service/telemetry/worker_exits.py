"""How many workers ended unexpectedly, counted by the process that supervises them.

It isn't a worker: prometheus_client's own counters, made when it is imported, don't write to the
folder PROMETHEUS_MULTIPROC_DIR there.
"""

import signal
from typing import Final, Literal, get_args

from prometheus_client.values import MultiProcessValue

Cause = Literal["killed", "crashed", "hung", "ended"]

HUNG: Final = 70
"""Exit code of a worker that ends because something in it hangs (EX_SOFTWARE of sysexits.h)."""

_NAME: Final = "trident_worker_exits"
_HELP: Final = "Workers that ended although the service wasn't stopping, by cause."


class WorkerExits:
    """The counter of one service. PROMETHEUS_MULTIPROC_DIR must be set."""

    def __init__(self) -> None:
        value = MultiProcessValue()  # type: ignore[no-untyped-call]
        self._counts = {
            cause: value("counter", _NAME, f"{_NAME}_total", ["cause"], [cause], _HELP)
            for cause in get_args(Cause)
        }

    def count(self, exit_code: int) -> Cause:
        """Count one worker, and return why it ended.

        `exit_code` is negative if a signal ended it, as in `subprocess`.
        """
        cause = _cause(exit_code)
        self._counts[cause].inc(1)
        return cause


def _cause(exit_code: int) -> Cause:
    if exit_code == -signal.SIGKILL:
        return "killed"
    if exit_code == HUNG:
        return "hung"
    if exit_code in (0, -signal.SIGTERM, -signal.SIGINT):
        return "ended"
    return "crashed"
