"""The Makefile: each of its targets is listed, and can be made."""

import os
import re
import subprocess

import pytest

from tests.deployment.docker import ROOT

TARGETS = re.findall(r"^([a-z-]+):.*## ", (ROOT / "Makefile").read_text(), re.MULTILINE)


def _make(*arguments: str) -> str:
    # The tests may have been started by make, which tells its options to those that it starts.
    environment = {k: v for k, v in os.environ.items() if k not in ("MAKEFLAGS", "MAKELEVEL")}
    run = subprocess.run(
        ["make", *arguments],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    return run.stdout


def test_make_alone_lists_the_targets() -> None:
    listed = [line.split()[1] for line in _make().splitlines()]
    assert listed == TARGETS
    assert {"serve", "test", "lint", "docker-test"} <= set(listed)


@pytest.mark.parametrize("target", TARGETS)
def test_a_target_has_commands(target: str) -> None:
    assert _make("--dry-run", target).strip()
