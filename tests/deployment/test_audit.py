"""What `make audit` says: of vulnerabilities, and of what it couldn't check."""

import json
import runpy
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.deployment.docker import ROOT

GOOD = {"name": "good", "version": "1", "vulns": []}
BAD = {"name": "bad", "version": "2", "vulns": [{"id": "CVE-1", "fix_versions": ["3"]}]}
UNKNOWN = {"name": "unknown", "skip_reason": "not found"}


@pytest.mark.parametrize(
    ("dependencies", "status", "words"),
    [
        ([GOOD], 0, "No vulnerability is known."),
        ([GOOD, BAD], 1, "bad 2: CVE-1, fixed in 3"),
        ([GOOD, UNKNOWN], 2, "NOT CHECKED"),
        ([BAD, UNKNOWN], 1, "NOT CHECKED"),
        (None, 2, "NOT CHECKED"),
    ],
)
def test_what_is_not_checked_is_not_called_clean(
    dependencies: list[dict[str, Any]] | None,
    status: int,
    words: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    said = "" if dependencies is None else json.dumps({"dependencies": dependencies})
    run = subprocess.CompletedProcess([], 1, said, "Traceback\nno connection")
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: run)
    main = runpy.run_path(str(ROOT / "requirements" / "audit.py"))["main"]
    assert main([Path("a.lock")]) == status
    assert words in capsys.readouterr().out
