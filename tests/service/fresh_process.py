"""Code that needs a fresh process, because of what it imports or sets."""

import subprocess
import sys
from pathlib import Path

from tests.service.live_server import ROOT


def printed(code: str, *, first_on_path: Path | None = None) -> str:
    """Return what code prints, run in the repository's folder."""
    path = [str(first_on_path)] if first_on_path else []
    code = f"import sys\nsys.path[:0] = {path}\n{code}"
    run = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=120
    )
    assert run.returncode == 0, run.stderr
    return run.stdout.strip()
