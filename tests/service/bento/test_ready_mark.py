"""A worker knows whether another one is ready."""

import subprocess
import sys
from pathlib import Path

from service.bento.ready_mark import ReadyMark
from tests.service.live_server import ROOT, wait_for

READY = """
import sys, time
from pathlib import Path
from service.bento.ready_mark import ReadyMark
mark = ReadyMark(Path(sys.argv[1]))
mark.set(ready=True)
print("ready", flush=True)
time.sleep(600)
"""


def test_a_worker_sees_those_that_are_ready(tmp_path: Path) -> None:
    first, second, third = (ReadyMark(tmp_path) for _ in range(3))
    assert not first.is_set_by_another()
    second.set(ready=True)
    third.set(ready=True)
    assert first.is_set_by_another()
    second.set(ready=False)
    assert first.is_set_by_another()
    assert second.is_set_by_another()
    third.set(ready=False)
    assert not first.is_set_by_another()


def test_a_killed_worker_is_not_ready_any_more(tmp_path: Path) -> None:
    command = [sys.executable, "-c", READY, str(tmp_path)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == b"ready\n"
        mark = ReadyMark(tmp_path)
        assert mark.is_set_by_another()
        other.kill()
        wait_for(lambda: not mark.is_set_by_another(), seconds=30)


def test_the_only_process_is_never_told_of_another() -> None:
    mark = ReadyMark(None)
    mark.set(ready=True)
    assert not mark.is_set_by_another()
