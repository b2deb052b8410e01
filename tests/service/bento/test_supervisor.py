"""How the supervisor counts and reports its workers, without the service."""

import logging
import os
import platform
import signal
import subprocess
import sys
from types import SimpleNamespace
from typing import Any

import psutil
import pytest

from service.bento.start_pause import StartPause
from service.bento.supervisor import Supervisor
from tests.service.live_server import wait_for

SYS_EXIT = {"x86_64": 60, "aarch64": 93}
"""The number of the system call that ends one thread, by machine."""

DYING = """
import ctypes, sys, threading, time
threading.Thread(target=time.sleep, args=[60]).start()
ctypes.CDLL(None).syscall(int(sys.argv[1]), 0)
"""


@pytest.fixture
def dying() -> Any:
    """A process whose first thread has ended, like a process that is being killed."""
    number = SYS_EXIT.get(platform.machine())
    if sys.platform != "linux" or number is None:
        pytest.skip("NOT CHECKED: how one thread is ended isn't known for this machine")
    process = subprocess.Popen([sys.executable, "-c", DYING, str(number)])
    wait_for(lambda: psutil.Process(process.pid).status() == psutil.STATUS_ZOMBIE, seconds=30)
    assert os.waitpid(process.pid, os.WNOHANG) == (0, 0)  # not to be reaped yet
    yield process
    process.kill()


def _supervisor(processes: dict[int, Any]) -> Supervisor:
    """A supervisor of the workers 1 and 2; the second one has just been started."""
    supervisor = Supervisor.__new__(Supervisor)
    supervisor.iter_watchers = lambda: [SimpleNamespace(processes=processes)]
    supervisor._numbers, supervisor._vacant, supervisor._stop_asked = {}, 0, 0.0
    supervisor._pause = StartPause(1)
    causes = {-signal.SIGKILL: "killed"}
    supervisor._exits = SimpleNamespace(count=causes.__getitem__)  # type: ignore[assignment]
    return supervisor


def test_a_worker_that_was_replaced_before_it_could_be_reaped_is_told_of(
    dying: Any, caplog: pytest.LogCaptureFixture
) -> None:
    successor = os.getpid()
    processes = {successor: SimpleNamespace(wid=2)}
    supervisor = _supervisor(processes)
    supervisor._numbers[dying.pid] = 1
    dying.send_signal(signal.SIGKILL)
    with caplog.at_level(logging.WARNING):
        supervisor._on_spawn(watcher=SimpleNamespace(processes=processes), pid=successor)
    lost, replaced = caplog.messages
    assert lost.startswith(f"worker 1 (process {dying.pid}) was killed by SIGKILL")
    assert replaced == f"worker 2 (process {successor}) starts in place of one that died"
    assert supervisor._numbers == {successor: 2}


def test_a_worker_that_circus_has_ended_is_not_lost(caplog: pytest.LogCaptureFixture) -> None:
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait(30)
    successor = os.getpid()
    processes = {successor: SimpleNamespace(wid=2)}
    supervisor = _supervisor(processes)
    supervisor._numbers[ended.pid] = 1
    supervisor._on_spawn(watcher=SimpleNamespace(processes=processes), pid=successor)
    assert caplog.messages == []
    assert supervisor._numbers == {successor: 2}
