"""The ceiling: one process per core runs the models in a loop, without a server."""

import json
import subprocess
import sys
from pathlib import Path

from loadtests.bench.errors import ServerFailedError
from loadtests.bench.servers import ROOT
from service.settings import CORES

_STOP_SECONDS = 30


class Ceiling:
    """Processes of `ceiling_process.py`, idle until `measure`; use it in a `with`."""

    def __init__(self, models: Path, inputs: Path) -> None:
        """Start them on a folder of models and a file of pickled inputs."""
        command = [sys.executable, "-m", "loadtests.bench.ceiling_process"]
        self._processes = [
            subprocess.Popen(  # noqa: S603 - the command is made here, of fixed parts
                [*command, str(models), str(inputs)],
                cwd=ROOT,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
            for _ in range(CORES)
        ]

    def __enter__(self) -> "Ceiling":
        return self

    def __exit__(self, *_: object) -> None:
        for process in self._processes:
            process.terminate()
        for process in self._processes:
            try:
                process.wait(_STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def wait_until_warm(self) -> None:
        """Wait until all have their fastest programs. Raises ServerFailedError."""
        for process in self._processes:
            self._read(process)

    def measure(self, endpoint: str, seconds: float) -> float:
        """Return the inputs per second of all processes together."""
        order = json.dumps({"endpoint": endpoint, "seconds": seconds})
        for process in self._processes:
            if process.stdin is not None:
                process.stdin.write(order + "\n")
                process.stdin.flush()
        return sum(float(self._read(process)) for process in self._processes)

    def _read(self, process: "subprocess.Popen[str]") -> str:
        line = process.stdout.readline() if process.stdout is not None else ""
        if not line:
            raise ServerFailedError("A process of the ceiling ended early: see its output above.")
        return line
