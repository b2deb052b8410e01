"""BentoML sends no usage reports."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.service.live_server import ROOT, free_port


@pytest.mark.parametrize(("wish", "reported"), [(None, False), ("False", True)])
def test_usage_is_reported_only_to_who_asks_for_it(
    tmp_path: Path, wish: str | None, reported: bool
) -> None:
    """A command that fails is reported too, as it ends. BentoML prints what it would send."""
    environment = os.environ | {
        "__BENTOML_DEBUG_USAGE": "True",
        "BENTOML_HOME": str(tmp_path / "bentoml"),
        "TRIDENT_MODELS": str(tmp_path / "no-models"),
        "TRIDENT_LOG_LEVEL": "info",
    }
    environment.pop("BENTOML_DO_NOT_TRACK", None)
    if wish is not None:
        environment["BENTOML_DO_NOT_TRACK"] = wish
    bentoml = str(Path(sys.executable).with_name("bentoml"))
    run = subprocess.run(
        [bentoml, "serve", "service:Trident", "--port", str(free_port())],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert run.returncode != 0
    assert ("Tracking Payload" in run.stdout + run.stderr) is reported
