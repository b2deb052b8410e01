"""Closed loop over gRPC, by h2load: a gRPC call is an HTTP/2 POST of a length-prefixed message.

h2load sends one message again and again, and doesn't read the gRPC status: a failed call also has
HTTP status 200. So the server's own count of failed calls is read, too.
"""

import re
import struct
import tempfile
from pathlib import Path

from loadtests.bench.errors import LoadFailedError
from loadtests.bench.figures import Sample, percentile
from loadtests.bench.requests import HOST
from loadtests.bench.tools import run_tool

_PREFIX = struct.Struct(">BI")  # the compressed flag, and the message's length
_FINISHED = re.compile(r"^finished in ([\d.]+)(us|ms|s)\b", re.MULTILINE)
_COUNTS = re.compile(r"^requests: .*?(\d+) succeeded, (\d+) failed", re.MULTILINE)
_SECONDS = {"us": 1e-6, "ms": 1e-3, "s": 1.0}


def frame(message: bytes) -> bytes:
    """Return a message in the form of a gRPC call's body, uncompressed."""
    return _PREFIX.pack(0, len(message)) + message


def run_h2load(port: int, method: str, message: bytes, connections: int, seconds: int) -> Sample:
    """Call a method (such as "/package.Service/Method") repeatedly. Raises LoadFailedError.

    Each connection has one call in progress, as each of wrk's has one request.
    """
    with tempfile.TemporaryDirectory(prefix="trident-h2load-") as folder:
        data, log = Path(folder, "message"), Path(folder, "log")
        data.write_bytes(frame(message))
        command = ["h2load", "--clients", str(connections), "--max-concurrent-streams", "1"]
        command += ["--duration", str(seconds)]
        command += ["--header", "content-type: application/grpc", "--header", "te: trailers"]
        command += ["--data", str(data), f"--log-file={log}", f"http://{HOST}:{port}{method}"]
        output = run_tool(command, seconds)
        return parse_h2load(output, log.read_text(), seconds)


def parse_h2load(output: str, log: str, seconds: float) -> Sample:
    """Read h2load's summary and its log: start (us), status and time (us) of each request.

    Raises:
        LoadFailedError: this isn't what h2load prints.
    """
    counts = _COUNTS.search(output)
    if counts is None or not _FINISHED.search(output):
        raise LoadFailedError(f"h2load printed no result: {output.strip()[-500:]}")
    rows = [line.split("\t") for line in log.splitlines()]
    times = [int(row[2]) / 1e3 for row in rows if row[1] == "200"] or [float("nan")]
    return Sample(
        requests=int(counts[1]),
        seconds=seconds,
        p50=percentile(times, 0.5),
        p99=percentile(times, 0.99),
        p999=percentile(times, 0.999),
        errors=int(counts[2]),
    )
