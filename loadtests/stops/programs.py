"""Callers that are programs: wrk, and Java's own HTTP client."""

import subprocess
from collections import Counter
from pathlib import Path
from typing import Final

from loadtests.bench.errors import LoadFailedError
from loadtests.bench.requests import HOST, Request, write_requests
from loadtests.stops.callers import CALLERS, TIMEOUT
from loadtests.stops.relay import Relay

_WRK_SCRIPT: Final = Path(__file__).parents[1] / "bench" / "wrk.lua"
_JAVA_SOURCE: Final = Path(__file__).with_name("Caller.java")


class Wrk:
    """wrk, which keeps its connections open, through a relay that counts."""

    def __init__(self, port: int, request: Request, folder: Path) -> None:
        """Start it."""
        requests = folder / "requests"
        write_requests(requests, [request])
        self._relay = Relay(port)
        command = ["wrk", "--threads", "1", "--connections", str(CALLERS), "--duration", "600s"]
        command += ["--timeout", f"{TIMEOUT:g}s", "--script", str(_WRK_SCRIPT)]
        command += [f"http://{HOST}:{self._relay.port}", "--", str(requests)]
        self._process = subprocess.Popen(command, stdout=subprocess.DEVNULL)  # noqa: S603

    def result(self) -> Counter[str]:
        """Stop it; return what became of its requests."""
        self._process.kill()
        self._process.wait()
        return self._relay.result()


class Java:
    """Java's `HttpClient`, one for each of its threads."""

    def __init__(self, port: int, request: Request, folder: Path) -> None:
        """Start it. Raises LoadFailedError."""
        body = folder / "body"
        body.write_bytes(request.body)
        url = f"http://{HOST}:{port}{request.path}"
        command = ["java", str(_JAVA_SOURCE), url, str(body), str(CALLERS)]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)  # noqa: S603
        if self._process.stdout is None or not self._process.stdout.readline():
            raise LoadFailedError("Java didn't start: is a JDK installed?")

    def result(self) -> Counter[str]:
        """Wait until all threads are refused; return what became of their requests."""
        output, _ = self._process.communicate(timeout=2 * TIMEOUT)
        counts = (line.partition(" ") for line in output.splitlines())
        return Counter({what: int(count) for count, _, what in counts})
