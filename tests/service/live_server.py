"""A real server in separate processes, on ports that were free a moment ago."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import psutil

ROOT = Path(__file__).resolve().parents[2]
START_SECONDS = 150  # TensorFlow's import alone can take long on a loaded machine
STOP_SECONDS = 30


class LiveServer:
    """`bentoml serve service:Trident`, started by the constructor; use it in a `with`."""

    def __init__(self, folder: Path, models: Path, **settings: Any) -> None:
        """Start a server that keeps its log and BentoML's own files in `folder`.

        `settings` are fields of `service.settings.Settings`, `http_port`, `bentoml_home`,
        `options` of `bentoml serve`, and `source`, the folder that holds the service.
        """
        self.http_port: int = settings.pop("http_port", None) or free_port()
        self.grpc_port: int = settings.get("grpc_port") or free_port()
        self.url = f"http://127.0.0.1:{self.http_port}"
        self.grpc_target = f"127.0.0.1:{self.grpc_port}"
        self._log_file = folder / "server.log"
        self.children: list[psutil.Process] = []
        """The processes below the supervisor when it was ready."""
        environment = os.environ | {
            "BENTOML_HOME": str(settings.pop("bentoml_home", folder / "bentoml")),
            "BENTOML_DO_NOT_TRACK": "True",
            "TRIDENT_MODELS": str(models),
            "TRIDENT_GRPC_PORT": str(self.grpc_port),
            "TRIDENT_WORKERS": "1",
            "TRIDENT_STOP_GRACE": "0",
        }
        options = settings.pop("options", ())
        source = settings.pop("source", ROOT)
        environment |= {f"TRIDENT_{k.upper()}": str(value) for k, value in settings.items()}
        command = [
            str(Path(sys.executable).with_name("bentoml")),
            *("serve", "service:Trident", "--host", "127.0.0.1", "--port", str(self.http_port)),
            *options,
        ]
        with self._log_file.open("wb") as log:
            self.process = psutil.Popen(
                command,
                cwd=source,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                process_group=0,  # as a shell gives it
            )

    def __enter__(self) -> "LiveServer":
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def log(self) -> str:
        """All that the server has printed."""
        return self._log_file.read_text(errors="replace")

    def wait_until_ready(self) -> "LiveServer":
        """Wait until /readyz says 200. Raises AssertionError, with the log, if it never does."""
        give_up = time.monotonic() + START_SECONDS
        while time.monotonic() < give_up and self.process.is_running():
            if self.is_ready():
                self.children = self.process.children(recursive=True)
                return self
            if self.process.poll() is not None:
                break
            time.sleep(0.1)
        raise AssertionError(f"the server didn't become ready:\n{self.log}")

    def is_ready(self) -> bool:
        """Whether /readyz says 200 now."""
        try:
            return httpx.get(f"{self.url}/readyz", timeout=5).status_code == 200
        except httpx.TransportError:
            return False

    def workers(self) -> list[psutil.Process]:
        """Return the processes that answer: the supervisor's children that listen."""
        children = self.process.children(recursive=True)
        return [child for child in children if _is_worker(child)]

    def wait_until_exit(self, seconds: float = STOP_SECONDS) -> int:
        """Wait for the supervisor's end; return its exit status."""
        return int(self.process.wait(seconds))

    def stop(self) -> None:
        """Ask the processes to end, and kill those that don't."""
        if self.process.poll() is None:
            self.children = [*self.children, *self.process.children(recursive=True)]
            self.process.send_signal(signal.SIGTERM)
        _, alive = psutil.wait_procs([self.process, *self.children], STOP_SECONDS)
        for process in alive:
            process.kill()
        psutil.wait_procs(alive, STOP_SECONDS)


def wait_for(condition: Callable[[], bool], seconds: float = START_SECONDS) -> None:
    """Wait until the condition holds. Raises AssertionError if it never does."""
    give_up = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < give_up, "waited in vain"
        time.sleep(0.02)


def _is_worker(process: psutil.Process) -> bool:
    try:
        return "worker" in " ".join(process.cmdline())
    except psutil.NoSuchProcess:  # it has ended, or is a zombie
        return False


def free_port() -> int:
    """Return a TCP port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
