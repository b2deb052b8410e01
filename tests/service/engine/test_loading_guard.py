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

guard = LoadingGuard(Path(sys.argv[1]))
with guard.loading(("digits", 2, "abc"), deaths=int(sys.argv[3])):
    print("loading", flush=True)
    sys.stdin.readline()
    if sys.argv[2] == "dies":
        os.kill(os.getpid(), 9)
"""


def loader(folder: Path, end: str, *, deaths: int = 1) -> "subprocess.Popen[str]":
    """A process that loads a version, until it is told to go on."""
    command = [sys.executable, "-c", LOADS, str(folder), end, str(deaths)]
    process = subprocess.Popen(
        command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "loading\n"
    return process


def test_a_version_whose_loading_ended_a_process_is_refused_once(tmp_path: Path) -> None:
    guard = LoadingGuard(tmp_path / "loading")
    loader(tmp_path / "loading", "dies").communicate("\n", timeout=60)
    with guard.loading(OTHER):
        pass
    with pytest.raises(CorruptModelError, match="killed while it loaded digits/2"):
        guard.loading(KEY).__enter__()
    with guard.loading(KEY):
        pass


def test_at_the_start_one_death_may_be_an_accident(tmp_path: Path) -> None:
    guard = LoadingGuard(tmp_path / "loading")
    loader(tmp_path / "loading", "dies").communicate("\n", timeout=60)
    with pytest.raises(ZeroDivisionError), guard.loading(KEY, deaths=2):
        raise ZeroDivisionError
    loader(tmp_path / "loading", "dies", deaths=2).communicate("\n", timeout=60)
    with pytest.raises(CorruptModelError, match="killed while it loaded digits/2"):
        guard.loading(KEY, deaths=2).__enter__()


def test_a_loading_that_works_shows_that_a_death_was_an_accident(tmp_path: Path) -> None:
    guard = LoadingGuard(tmp_path / "loading")
    loader(tmp_path / "loading", "dies").communicate("\n", timeout=60)
    with guard.loading(KEY, deaths=2):
        pass
    with guard.loading(KEY):
        pass


def test_a_version_that_was_loaded_or_failed_is_not_refused(tmp_path: Path) -> None:
    guard = LoadingGuard(tmp_path / "loading")
    loader(tmp_path / "loading", "lives").communicate("\n", timeout=60)
    with pytest.raises(ZeroDivisionError), guard.loading(KEY):
        raise ZeroDivisionError
    with guard.loading(KEY):
        pass


def test_a_version_that_another_worker_loads_now_is_not_refused(tmp_path: Path) -> None:
    guard = LoadingGuard(tmp_path / "loading")
    process = loader(tmp_path / "loading", "lives")
    with guard.loading(KEY):
        pass
    process.communicate("\n", timeout=60)
    with guard.loading(KEY):
        pass
