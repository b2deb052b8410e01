"""The process that starts the workers, replaces those that die, and ends them.

Only this module uses internals of BentoML's supervisor. They are those of BentoML 1.4: when it
serves, it makes an `Arbiter` of `bentoml._internal.utils.circus`, after the service's
`on_deployment` hooks have run. That class gives workers a day to end, and ignores a second signal.
"""

import asyncio
import logging
import os
import signal
import sys
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Final

from bentoml._internal.utils import circus
from bentoml.exceptions import BentoMLConfigException
from circus.watcher import Watcher

from service.bento.metrics_folder import keep_metrics_folder
from service.bento.orphan import END_SECONDS, SUPERVISOR
from service.bento.ports import Port, http_port, warn_of_openness
from service.bento.start_pause import MEMORY_SECONDS, StartPause
from service.telemetry.worker_exits import HUNG, WorkerExits
from service.transport.closing_port import refuse_connections

logger = logging.getLogger(__name__)

_LOOK_SECONDS: Final = 1.0  # between two checks for workers that have died unnoticed
_FREE_DEATHS: Final = 3  # of each worker: so many are replaced without a pause
_BACKLOG: Final = 2048  # connections that the kernel keeps waiting, at most
_ECHO_SECONDS: Final = 0.1  # a signal within this time is a copy of the first: `timeout` sends two
_BUSY_SECONDS: Final = 0.05  # between two attempts to do something while circus is busy


def supervise(
    ports: Sequence[Port], *, is_open: bool, stop_grace: float, drain_timeout: float
) -> None:
    """Have BentoML run a `Supervisor` instead of its own when it serves.

    It listens on these ports besides that of HTTP. `is_open` says that anyone may call.
    """
    circus.Arbiter = partial(
        Supervisor,
        ports=ports,
        is_open=is_open,
        stop_grace=stop_grace,
        drain_timeout=drain_timeout,
    )


class Supervisor(circus.Arbiter):
    """BentoML's supervisor, but it ends in time, and logs when workers end and start."""

    def __init__(
        self,
        watchers: list[Watcher],
        *args: Any,
        ports: Sequence[Port],
        is_open: bool,
        stop_grace: float,
        drain_timeout: float,
        **options: Any,
    ) -> None:
        """Kill workers that haven't ended shortly after both times, in seconds."""
        of_workers = list(watchers)  # before plugins (such as --reload) are added to them
        super().__init__(watchers, *args, **options | {"check_delay": _LOOK_SECONDS})
        self._ports = ports
        self._is_open = is_open
        self._stop_grace = stop_grace
        self._stop_asked = 0.0
        self._forced = False
        self._numbers: dict[int, int] = {}
        self._vacant = 0
        self._of_workers = of_workers
        self._pause = StartPause(_FREE_DEATHS * sum(w.numprocesses for w in of_workers))
        for watcher in of_workers:
            refuse_ssl_options(watcher)
            watcher.graceful_timeout = stop_grace + drain_timeout + END_SECONDS
            watcher.env[SUPERVISOR] = str(os.getpid())
            watcher.hooks["after_spawn"] = self._on_spawn
            watcher.hooks["after_reap"] = self._on_exit
            watcher.max_retry = 1
            watcher.spawn_process = partial(self._spawn, watcher.spawn_process)
        folder = of_workers[-1].env["PROMETHEUS_MULTIPROC_DIR"]
        os.environ["PROMETHEUS_MULTIPROC_DIR"] = folder
        keep_metrics_folder(Path(folder))
        self._exits = WorkerExits()

    def initialize(self) -> None:
        """Listen on all ports. Raises BentoMLConfigException if one of them can't be used."""
        (http,) = self.sockets.values()
        try:
            super().initialize()
        except OSError as error:
            raise http_port(http.host, http.port).refused(error) from None
        for port in self._ports:
            self._listen(port, is_shared=http.port == port.number)
        if self._is_open:
            warn_of_openness([http_port(http.host, http.port), *self._ports])
        if sys.platform != "win32":
            self.loop.asyncio_loop.add_signal_handler(
                signal.SIGCHLD, self._when_free, self.manage_watchers
            )

    def _listen(self, port: Port, *, is_shared: bool) -> None:
        """Make the socket that the workers share, as they share that of HTTP.

        If each worker had its own, the connections that wait to be accepted by it would be lost
        when it dies, and would wait in vain when it hangs.
        """
        try:
            listening = self.sockets.add(
                port.protocol, *port.address, port.family, backlog=_BACKLOG
            )
            listening.bind_and_listen()
        except OSError as error:
            raise (port.shared() if is_shared else port.refused(error)) from None
        for watcher in self._of_workers:
            watcher.env[port.variable] = str(listening.fileno())

    def start_watchers(self, *arguments: Any, **options: Any) -> Any:
        """Start the workers."""
        starting = super().start_watchers(*arguments, **options)
        starting.add_done_callback(_note_failure)
        return starting

    def manage_watchers(self) -> None:
        """Replace workers that have died, unless circus is busy, or too many have died."""
        if self._exclusive_running_command or self._stop_asked:
            return
        self.reap_processes()
        if self._pause.over:
            super().manage_watchers().add_done_callback(_note_failure)

    def _spawn(self, spawn: Callable[..., Any], *arguments: Any) -> Any:
        """Start a worker. Raises _StartFailedError: circus would end the others if it returned."""
        started = spawn(*arguments)
        if started is False:
            raise _StartFailedError(self._pause.note_death())
        return started

    def stop(self) -> None:
        """End the workers, and then this process; when called again, kill them."""
        now = time.monotonic()
        if not self._stop_asked:
            self._stop_asked = now
            self._when_free(self._stop)
        elif now - self._stop_asked > _ECHO_SECONDS:
            self._kill()

    def _when_free(self, action: Callable[[], None]) -> None:
        """Do it when circus is free: it does one thing at a time, and drops other commands."""
        if self._exclusive_running_command:
            self.loop.call_later(_BUSY_SECONDS, self._when_free, action)
        else:
            action()

    def _stop(self) -> None:
        self.loop.call_later(self._stop_grace, self._close_ports)
        super().stop()

    def _close_ports(self) -> None:
        """Have the kernel refuse connections; the workers take those that it has accepted."""
        for listening in self.sockets.values():
            refuse_connections(listening)
        self.sockets.close_all()

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
            self._pause_after_death()
        elif exit_code == -signal.SIGKILL and not self._forced:
            logger.error(
                "worker %d (process %d) didn't end in time and was killed", number, process_pid
            )
        return True

    def _pause_after_death(self) -> None:
        seconds = self._pause.note_death()
        if seconds:
            logger.error(
                "%d workers have died in the last %d minutes: the next one starts in %d s",
                self._pause.deaths,
                MEMORY_SECONDS / 60,
                seconds,
            )


class _StartFailedError(Exception):
    """A worker can't be started now; circus has logged the reason."""

    def __init__(self, seconds: float) -> None:
        super().__init__(seconds)
        self.seconds = seconds


def _note_failure(done: "asyncio.Future[None]") -> None:
    """Log what has kept circus from starting workers: it tries again."""
    error = None if done.cancelled() else done.exception()
    if isinstance(error, _StartFailedError):
        logger.error("no worker could be started: trying again in %d s", max(1, error.seconds))
    elif error is not None:
        logger.error("workers could not be replaced: trying again", exc_info=error)


def _manner(exit_code: int) -> str:
    """Say how a process ended; the code is negative if a signal ended it."""
    if exit_code == -signal.SIGKILL:
        return "was killed by SIGKILL. If nobody sent it, the kernel did, because memory ran out."
    if exit_code < 0:
        return f"was ended by {signal.Signals(-exit_code).name}"
    if exit_code == HUNG:
        return "hung, as its last lines say, and has ended itself"
    return f"ended with exit code {exit_code}"


def refuse_ssl_options(watcher: Watcher) -> None:
    """Raise BentoMLConfigException for BentoML's own options of TLS: they know only HTTP's port."""
    if "--ssl-certfile" in (watcher.args or ()):
        raise BentoMLConfigException(
            "Set TRIDENT_TLS_CERTIFICATE and TRIDENT_TLS_KEY, which hold for all ports, instead "
            "of the --ssl options."
        )
