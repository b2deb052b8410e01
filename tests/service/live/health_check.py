"""The health check of the container, asked about a server that runs in none."""

import os
import subprocess
import sys
from pathlib import Path

from tests.service.live_server import ROOT, LiveServer


def health_check(server: LiveServer, folder: Path, **settings: str) -> str:
    """Return why the server isn't healthy, "" if it is; temporary files are in `folder`."""
    own = {"BENTOML_PORT": str(server.http_port), "TMPDIR": str(folder)}
    command = [sys.executable, "-I", str(ROOT / "docker" / "healthcheck.py")]
    run = subprocess.run(
        command, env=os.environ | own | settings, capture_output=True, text=True, timeout=60
    )
    return run.stderr or str(run.returncode or "")
