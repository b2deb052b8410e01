"""Trident ships as a Bento or an image: a wheel can't be made by mistake."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.service.live_server import ROOT


@pytest.mark.parametrize(
    "command", [["wheel", "--no-deps"], ["install", "--no-deps", "--editable"]]
)
def test_pip_is_told_how_trident_ships(tmp_path: Path, command: list[str]) -> None:
    run = subprocess.run(
        [sys.executable, "-m", "pip", *command, str(ROOT)],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert run.returncode != 0
    assert "or ship it as a Bento (`make bento`) or an image (`make image`)" in run.stderr
    assert "Traceback" not in run.stderr
    assert list(tmp_path.iterdir()) == []
