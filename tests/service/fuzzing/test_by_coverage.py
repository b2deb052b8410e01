"""The parts without I/O, fuzzed by coverage: nothing but the service's own errors comes of it."""

import platform
import subprocess
import sys

import pytest

from tests.service.live_server import ROOT

pytestmark = pytest.mark.skipif(
    sys.platform != "linux" or platform.machine() != "x86_64",
    reason="atheris, the fuzzer, is installed on Linux with x86-64 alone",
)


def check(runs: int, seed: int) -> None:
    command = [sys.executable, "-m", "tests.service.fuzzing.by_coverage"]
    command += ["--runs", str(runs), "--seed", str(seed)]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert run.returncode == 0, f"{' '.join(command)}\n{run.stdout}\n{run.stderr}"


def test_no_bytes_make_a_part_fail() -> None:
    check(runs=5_000, seed=1)


@pytest.mark.soak
@pytest.mark.timeout(1_800)
@pytest.mark.parametrize("seed", [2, 3])
def test_no_bytes_make_a_part_fail_for_longer(seed: int) -> None:
    check(runs=100_000, seed=seed)
