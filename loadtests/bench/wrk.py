"""Closed loop over HTTP, by wrk: each connection sends its next request after an answer."""

import json
from pathlib import Path

from loadtests.bench.errors import LoadFailedError
from loadtests.bench.figures import Sample
from loadtests.bench.requests import HOST
from loadtests.bench.tools import run_tool

_SCRIPT = Path(__file__).with_name("wrk.lua")
_TIMEOUT = 20  # seconds; a later answer counts as missing
_MARK = "result "


def run_wrk(port: int, requests: Path, connections: int, seconds: int) -> Sample:
    """Drive a server with a file of requests. Raises LoadFailedError.

    One thread: it can send ten times what the servers answer, and takes one core at most.
    """
    command = ["wrk", "--threads", "1", "--connections", str(connections)]
    command += ["--duration", f"{seconds}s", "--timeout", f"{_TIMEOUT}s", "--script", str(_SCRIPT)]
    return parse_wrk(run_tool([*command, f"http://{HOST}:{port}", "--", str(requests)], seconds))


def parse_wrk(output: str) -> Sample:
    """Read what the script prints at the end. Raises LoadFailedError."""
    line = next((line for line in output.splitlines() if line.startswith(_MARK)), None)
    if line is None:
        raise LoadFailedError(f"wrk printed no result: {output.strip()[-500:]}")
    found = json.loads(line.removeprefix(_MARK))
    return Sample(
        requests=found["requests"] - found["refused"],  # a refusal doesn't count as an answer
        seconds=found["microseconds"] / 1e6,
        p50=found["p50"] / 1e3,
        p99=found["p99"] / 1e3,
        p999=found["p999"] / 1e3,
        errors=found["errors"],
    )
