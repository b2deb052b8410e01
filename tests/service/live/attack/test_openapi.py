"""The service does what its OpenAPI document says, whatever schemathesis makes of it."""

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Final

from tests.service.live.attack.conftest import ADMIN_KEY
from tests.service.live_server import ROOT, LiveServer

MOST_EXAMPLES: Final = 5
"""Random requests a path and method, beside those that cover each keyword of its schema."""

CHECKS: Final = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
    "allow_header_conformance",
    "missing_required_header",
    "ignored_auth",
    "wrong_data_is_refused",
    "other_methods_are_refused",
)
"""All but those that ask what a schema can't say: which bytes are a picture, which model has texts.

The last two are in tests/service/fuzzing/schemathesis_hooks.py."""


def test_every_answer_is_a_documented_one(attacked: LiveServer, tmp_path: Path) -> None:
    run = subprocess.run(
        [
            *(str(Path(sys.executable).with_name("schemathesis")), "run"),
            *(f"{attacked.url}/docs.json", "--url", attacked.url),
            *("--checks", ",".join(CHECKS), "--max-examples", str(MOST_EXAMPLES)),
            *("--phases", "examples,coverage,fuzzing", "--generation-deterministic"),
            *("--no-color", "--no-shrink", "--continue-on-failure", "--warnings", "off"),
        ],
        cwd=tmp_path,  # it writes its own files there
        env=os.environ
        | {
            "PYTHONPATH": str(ROOT),
            "SCHEMATHESIS_HOOKS": "tests.service.fuzzing.schemathesis_hooks",
            "ADMIN_KEY": ADMIN_KEY,
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stdout
    tested = re.search(r"(\d+) generated", run.stdout)
    assert tested, run.stdout
    assert int(tested[1]) > 500
    assert "Traceback" not in attacked.log
