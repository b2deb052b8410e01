"""Workers that die, and workers that can't be started, without the service."""

import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from tests.service.live_server import ROOT, wait_for

HOUR = 3600.0
NEVER_ENDS = "#!/bin/sh\nexec sleep 600\n"
ENDS_AT_ONCE = "#!/bin/sh\nexit 7\n"


class SmallService:
    """A supervisor and its workers, which run a program of the test."""

    def __init__(self, folder: Path, workers: int, content: str, look_seconds: float) -> None:
        self.program = folder / "worker"
        self.write(content)
        self._log_file = folder / "log"
        arguments = [str(workers), str(self.program), str(look_seconds)]
        with self._log_file.open("wb") as log:
            self.process = psutil.Popen(
                [sys.executable, "-m", "tests.service.bento.small_service", *arguments],
                cwd=ROOT,
                stdout=log,
                stderr=subprocess.STDOUT,
            )

    def write(self, content: str) -> None:
        """Replace the program: what runs isn't disturbed."""
        new = self.program.with_suffix(".new")
        new.write_text(content)
        new.chmod(0o700)
        new.replace(self.program)

    @property
    def log(self) -> str:
        return self._log_file.read_text()

    def pids(self) -> set[int]:
        """The workers that run their program."""
        return {child.pid for child in self.process.children() if _sleeps(child)}

    def stop(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        return int(self.process.wait(30))


def _sleeps(process: psutil.Process) -> bool:
    try:
        return process.name() == "sleep" and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


StartService = Callable[..., SmallService]


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[StartService]:
    started: list[SmallService] = []

    def start(workers: int, content: str, look_seconds: float = HOUR) -> SmallService:
        started.append(SmallService(tmp_path, workers, content, look_seconds))
        return started[0]

    yield start
    for service in started:
        with suppress(psutil.NoSuchProcess):  # it has ended, as it should
            for process in [service.process, *service.process.children()]:
                process.kill()


def test_a_worker_that_dies_is_replaced_at_once_and_the_others_live_on(serve: StartService) -> None:
    """Nobody looks: the kernel tells the supervisor."""
    service = serve(2, NEVER_ENDS)
    wait_for(lambda: len(service.pids()) == 2)
    victim, other = service.pids()
    psutil.Process(victim).kill()
    wait_for(lambda: len(service.pids() - {victim}) == 2, seconds=30)
    assert other in service.pids()
    assert f"(process {victim}) was killed by SIGKILL" in service.log
    assert "in place of one that died" in service.log
    assert service.stop() == 0


def test_a_worker_that_dies_each_time_is_started_less_and_less_often(serve: StartService) -> None:
    service = serve(1, ENDS_AT_ONCE, look_seconds=0.2)
    wait_for(lambda: "5 workers have died in the last 5 minutes" in service.log, seconds=60)
    lines = [line for line in service.log.splitlines() if "the next one starts" in line]
    assert [line.rpartition(" in ")[2] for line in lines] == ["1 s", "2 s"]
    assert service.stop() == 0  # also during a pause
    assert "Traceback" not in service.log


def test_the_others_serve_on_while_no_worker_can_be_started(serve: StartService) -> None:
    service = serve(2, NEVER_ENDS, look_seconds=0.2)
    wait_for(lambda: len(service.pids()) == 2)
    victim, other = service.pids()
    service.program.unlink()
    psutil.Process(victim).kill()
    wait_for(lambda: service.log.count("no worker could be started: trying again") >= 2, seconds=30)
    assert service.pids() == {other}
    service.write(NEVER_ENDS)
    wait_for(lambda: len(service.pids()) == 2, seconds=60)
    assert other in service.pids()
    assert service.stop() == 0
    assert "Traceback" not in service.log


def test_the_only_worker_that_can_not_be_started_is_tried_again(serve: StartService) -> None:
    service = serve(1, NEVER_ENDS, look_seconds=0.2)
    wait_for(lambda: len(service.pids()) == 1)
    service.program.unlink()
    psutil.Process(service.pids().pop()).kill()
    wait_for(lambda: "no worker could be started: trying again" in service.log, seconds=30)
    service.write(NEVER_ENDS)
    wait_for(lambda: len(service.pids()) == 1, seconds=60)
    assert service.stop() == 0
