"""The process that starts the workers, replaces those that die, and ends them.

Only this module uses internals of BentoML's supervisor. They are those of BentoML 1.4: when it
serves, it makes an `Arbiter` of `bentoml._internal.utils.circus`, after the service's
`on_deployment` hooks have run. That class gives workers a day to end, and ignores a second signal.
"""

import logging
import os
import signal
import time
from functools import partial
from pathlib import Path
from typing import Any, Final

from bentoml._internal.utils import circus
from circus.watcher import Watcher

from service.api.grpc_server import check_port_free
from service.bento.metrics_folder import keep_metrics_folder
from service.bento.orphan import END_SECONDS, SUPERVISOR
from service.bento.ports import Port, http_port
from service.telemetry.worker_exits import WorkerExits

logger = logging.getLogger(__name__)

_LOOK_SECONDS: Final = 1.0  # between two checks for workers that have died
_ECHO_SECONDS: Final = 0.1  # a signal within this time is a copy of the first: `timeout` sends two
_BUSY_SECONDS: Final = 0.05  # between two attempts to stop while circus is busy


def supervise(grpc: Port, *, drain_timeout: float) -> None:
    """Have BentoML run a `Supervisor` instead of its own when it serves."""
    circus.Arbiter = partial(Supervisor, grpc=grpc, drain_timeout=drain_timeout)


class Supervisor(circus.Arbiter):
    """BentoML's supervisor, but it ends in time, and logs when workers end and start."""

    def __init__(
        self,
        watchers: list[Watcher],
        *args: Any,
        grpc: Port,
        drain_timeout: float,
        **options: Any,
    ) -> None:
        """Kill workers that haven't ended shortly after `drain_timeout` seconds."""
        of_workers = list(watchers)  # before plugins (such as --reload) are added to them
        super().__init__(watchers, *args, **options | {"check_delay": _LOOK_SECONDS})
        self._grpc = grpc
        self._stop_asked = 0.0
        self._forced = False
        self._numbers: dict[int, int] = {}
        self._vacant = 0
        for watcher in of_workers:
            watcher.graceful_timeout = drain_timeout + END_SECONDS
            watcher.env[SUPERVISOR] = str(os.getpid())
            watcher.hooks["after_spawn"] = self._on_spawn
            watcher.hooks["after_reap"] = self._on_exit
        folder = of_workers[-1].env["PROMETHEUS_MULTIPROC_DIR"]
        os.environ["PROMETHEUS_MULTIPROC_DIR"] = folder
        keep_metrics_folder(Path(folder))
        self._exits = WorkerExits()

    def initialize(self) -> None:
        """Listen for HTTP. Raises BentoMLConfigException if HTTP's or gRPC's port can't be used."""
        (http,) = self.sockets.values()
        try:
            super().initialize()
        except OSError as error:
            raise http_port(http.host, http.port).refused(error) from None
        try:
            check_port_free(self._grpc.host, self._grpc.number)
        except OSError as error:
            shared = http.port == self._grpc.number
            raise (self._grpc.shared() if shared else self._grpc.refused(error)) from None

    def manage_watchers(self) -> Any:
        """Replace workers that have died, unless circus is busy."""
        return None if self._exclusive_running_command else super().manage_watchers()

    def stop(self) -> None:
        """End the workers, and then this process; when called again, kill them."""
        now = time.monotonic()
        if not self._stop_asked:
            self._stop_asked = now
            self._stop_when_free()
        elif now - self._stop_asked > _ECHO_SECONDS:
            self._kill()

    def _stop_when_free(self) -> None:
        """Stop when circus is free: it does one thing at a time, and drops other commands."""
        if self._exclusive_running_command:
            self.loop.call_later(_BUSY_SECONDS, self._stop_when_free)
            return
        # If this process kept the port open, connections would wait for workers that have ended.
        self.sockets.close_all()
        super().stop()

    def _kill(self) -> None:
        self._forced = True
        logger.warning("told to stop again: killing the workers")
        for watcher in self.iter_watchers():
            for process in list(watcher.processes.values()):
                watcher.send_signal_process(process, signal.SIGKILL, recursive=True)

    def _on_spawn(self, *, watcher: Watcher, pid: int, **_: Any) -> bool:
        self._tell_of_missed()
        number = self._numbers[pid] = watcher.processes[pid].wid
        if self._vacant:
            self._vacant -= 1
            logger.warning("worker %d (process %d) starts in place of one that died", number, pid)
        return True

    def _tell_of_missed(self) -> None:
        """Report workers that circus has given up before it could reap them.

        Circus regards a worker as dead when its first thread has ended. If the other threads take a
        moment longer, the worker can't be reaped yet, and circus doesn't call the hook later.
        """
        known = {pid for watcher in self.iter_watchers() for pid in watcher.processes}
        for pid in self._numbers.keys() - known:
            try:
                _, status = os.waitpid(pid, 0)
            except ChildProcessError:  # circus has ended it itself
                del self._numbers[pid]
            else:
                self._on_exit(process_pid=pid, exit_code=os.waitstatus_to_exitcode(status))

    def _on_exit(self, *, process_pid: int, exit_code: int, **_: Any) -> bool:
        number = self._numbers.pop(process_pid, 0)
        if not self._stop_asked:
            self._vacant += 1
            told = self._exits.count(exit_code) == "ended"
            level = logging.INFO if told else logging.ERROR
            logger.log(level, "worker %d (process %d) %s", number, process_pid, _manner(exit_code))
        elif exit_code == -signal.SIGKILL and not self._forced:
            logger.error(
                "worker %d (process %d) didn't end in time and was killed", number, process_pid
            )
        return True


def _manner(exit_code: int) -> str:
    """Say how a process ended; the code is negative if a signal ended it."""
    if exit_code == -signal.SIGKILL:
        return "was killed by SIGKILL. If nobody sent it, the kernel did, because memory ran out."
    if exit_code < 0:
        return f"was ended by {signal.Signals(-exit_code).name}"
    return f"ended with exit code {exit_code}"
