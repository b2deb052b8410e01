"""A process that is killed while it loads a version keeps the others from loading it."""

import subprocess
import sys
from pathlib import Path

import pytest

from service.engine.rollout.loading_guard import LoadingGuard
from service.errors import CorruptModelError
from tests.service.live_server import ROOT

KEY, OTHER = ("digits", 2, "abc"), ("digits", 3, "abc")

LOADS = """
import os, sys
from pathlib import Path
from service.engine.rollout.loading_guard import LoadingGuard

with LoadingGuard(Path(sys.argv[1])).loading(("digits", 2, "abc")):
    print("loading", flush=True)
    sys.stdin.readline()
    if sys.argv[2] == "dies":
        os.kill(os.getpid(), 9)
"""


def loader(folder: Path, end: str) -> "subprocess.Popen[str]":
    """A process that loads a version, until it is told to go on."""
    command = [sys.executable, "-c", LOADS, str(folder), end]
    process = subprocess.Popen(
        command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "loading\n"
    return process


def test_a_version_whose_loading_ended_a_process_is_refused_once(tmp_path: Path) -> None:
    guard = LoadingGuard(tmp_path / "loading")
    for check in (guard.check, lambda key: guard.loading(key).__enter__()):
        loader(tmp_path / "loading", "dies").communicate("\n", timeout=60)
        guard.check(OTHER)
        with pytest.raises(CorruptModelError, match="killed while it loaded digits/2"):
            check(KEY)
        guard.check(KEY)


def test_a_version_that_was_loaded_or_failed_is_not_refused(tmp_path: Path) -> None:
    guard = LoadingGuard(tmp_path / "loading")
    loader(tmp_path / "loading", "lives").communicate("\n", timeout=60)
    with pytest.raises(ZeroDivisionError), guard.loading(KEY):
        raise ZeroDivisionError
    guard.check(KEY)
    with guard.loading(KEY):
        pass


def test_a_version_that_another_worker_loads_now_is_not_refused(tmp_path: Path) -> None:
    guard = LoadingGuard(tmp_path / "loading")
    process = loader(tmp_path / "loading", "lives")
    guard.check(KEY)
    process.communicate("\n", timeout=60)
    with guard.loading(KEY):
        pass
