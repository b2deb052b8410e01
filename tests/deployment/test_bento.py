"""What `make bento` builds."""

import os
import subprocess
import sys
from pathlib import Path

from tests.service.live_server import ROOT


def _files(folder: Path) -> set[Path]:
    files = (path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder) for path in files if "__pycache__" not in path.parts}


def test_a_bento_holds_all_of_the_service(tmp_path: Path) -> None:
    """Its API page, too, which is no Python."""
    command = [str(Path(sys.executable).with_name("bentoml")), "build"]
    environment = os.environ | {"BENTOML_HOME": str(tmp_path), "BENTOML_DO_NOT_TRACK": "True"}
    subprocess.run(
        command, cwd=ROOT, env=environment, check=True, timeout=200, stdout=subprocess.DEVNULL
    )
    (source,) = (tmp_path / "bentos").glob("trident/*/src")
    assert _files(source / "service") == _files(ROOT / "service")
