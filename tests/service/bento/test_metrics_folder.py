"""The folder of one service's metrics: no other service uses it, and it is removed at the end."""

import subprocess
import sys
import time
from pathlib import Path

import pytest

from service.bento import metrics_folder
from service.telemetry.exposition import render_metrics
from service.telemetry.worker_exits import HUNG, WorkerExits
from tests.service.live_server import ROOT

PROGRAM = """
import sys
from pathlib import Path
from service.bento.metrics_folder import keep_metrics_folder
keep_metrics_folder(Path(sys.argv[1]))
print("kept", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def folders(tmp_path: Path) -> list[Path]:
    """Two old folders, as services make them."""
    made = [tmp_path / f"{metrics_folder._PREFIX}{name}" for name in "ab"]
    for folder in made:
        folder.mkdir()
        (folder / "counter_1.db").touch()
    return made


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metrics_folder, "_NEW_SECONDS", 0.0)


def service(folder: Path) -> "subprocess.Popen[str]":
    """Start a process that keeps the folder until its input ends."""
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, folder],
        cwd=ROOT,
        text=True,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "kept\n"
    return process


def test_a_folder_goes_with_its_service(folders: list[Path]) -> None:
    first, other = folders
    with service(first) as process:
        assert first.is_dir()
        process.communicate("", timeout=60)
    assert not first.exists()
    assert other.is_dir(), "it was new"


def test_only_what_a_killed_service_left_behind_is_removed(folders: list[Path]) -> None:
    first, second = folders
    with service(first) as process:
        assert not metrics_folder._is_abandoned(first)
        assert metrics_folder._is_abandoned(second)
        process.kill()
        process.wait(60)
        assert metrics_folder._is_abandoned(first)


def test_a_folder_that_was_just_made_is_left_to_whoever_made_it(
    folders: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(metrics_folder, "_NEW_SECONDS", 60.0)
    assert not metrics_folder._is_abandoned(folders[0])
    monkeypatch.setattr(time, "time", lambda: folders[0].stat().st_ctime + 61)
    assert metrics_folder._is_abandoned(folders[0])


def test_workers_that_ended_are_counted_by_cause(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PROMETHEUS_MULTIPROC_DIR", str(tmp_path))
    exits = WorkerExits()
    shown = render_metrics().decode()
    assert shown.count("trident_worker_exits_total{") == 4
    for exit_code in (-9, -9, -11, 1, -15, 0, HUNG):
        exits.count(exit_code)
    shown = render_metrics().decode()
    for cause, count in (("killed", 2), ("crashed", 2), ("hung", 1), ("ended", 2)):
        assert f'trident_worker_exits_total{{cause="{cause}"}} {count}.0' in shown
