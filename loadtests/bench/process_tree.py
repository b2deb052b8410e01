"""A process with all its descendants: started, watched, measured, ended."""

import os
import signal
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import psutil

STOP_SECONDS = 30


class ProcessTree:
    """A command and whatever it starts; use it in a `with`."""

    def __init__(
        self, command: Sequence[str], *, folder: Path, environment: Mapping[str, str], log: Path
    ) -> None:
        """Start `command` in `folder`, its output going to the file `log`."""
        self._log = log
        with log.open("wb") as output:
            self._root = psutil.Popen(
                list(command),
                cwd=folder,
                env=dict(os.environ) | dict(environment),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                process_group=0,  # as a shell gives it
            )
        self._known: dict[int, psutil.Process] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()

    @property
    def log(self) -> str:
        """The output so far."""
        return self._log.read_text(errors="replace")

    @property
    def alive(self) -> bool:
        """Whether the first process still runs."""
        return self._root.poll() is None

    def processes(self) -> list[psutil.Process]:
        """Return the first process and all its living descendants."""
        try:
            found = [self._root, *self._root.children(recursive=True)]
        except psutil.NoSuchProcess:
            found = []
        self._known |= {process.pid: process for process in found}
        return found

    def cpu_seconds(self) -> float:
        """Return the CPU time that the processes have used, user and system."""
        times = self._each(psutil.Process.cpu_times)
        return float(sum(time.user + time.system for time in times))

    def largest_memory(self) -> int:
        """Return the resident memory of the largest process, in bytes: a worker's."""
        return max((memory.rss for memory in self._each(psutil.Process.memory_info)), default=0)

    def total_memory(self) -> int:
        """Return the memory of all processes in bytes, shared pages counted once (PSS)."""
        return sum(memory.pss for memory in self._each(psutil.Process.memory_full_info))

    def _each(self, read: Callable[[psutil.Process], Any]) -> Iterator[Any]:
        """Read something from each process; skip those that have ended in the meantime."""
        for process in self.processes():
            with suppress(psutil.NoSuchProcess):
                yield read(process)

    def signal(self, number: int) -> None:
        """Send a signal to the first process; SIGINT to its whole group, as Ctrl+C does."""
        if number == signal.SIGINT:
            os.killpg(self._root.pid, number)
        else:
            self._root.send_signal(number)

    def wait(self, seconds: float) -> None:
        """Wait for the end of the first process. Raises psutil.TimeoutExpired."""
        self._root.wait(seconds)

    def stop(self) -> None:
        """Ask the processes to end, and kill those that don't."""
        self.processes()
        if self.alive:
            self._root.terminate()
        _, remaining = psutil.wait_procs(list(self._known.values()), STOP_SECONDS)
        for process in remaining:
            process.kill()
        psutil.wait_procs(remaining, STOP_SECONDS)
