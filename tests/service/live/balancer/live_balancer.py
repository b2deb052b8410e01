"""HAProxy with the committed configuration, except addresses and time-outs."""

import subprocess
import time
from collections.abc import Mapping
from pathlib import Path

import httpx

from tests.service.live_server import ROOT, free_port

FOLDER = ROOT / "docker" / "balancer"
START_SECONDS = 60


class LiveBalancer:
    """A balancer before one replica, started by the constructor; use it in a `with`."""

    def __init__(
        self,
        program: str,
        folder: Path,
        http_port: int,
        grpc_port: int,
        waiting_times: Mapping[str, str] | None = None,
    ) -> None:
        """Balance the replica at these ports of this machine.

        `waiting_times` replace times of the configuration, for instance {"45s": "1s"}.
        """
        http, grpc, health, control = (free_port() for _ in range(4))
        self.url = f"http://127.0.0.1:{http}"
        self.http_port = http
        self.grpc_target = f"127.0.0.1:{grpc}"
        self.health_target = f"127.0.0.1:{health}"
        changes = {
            "bind :3000": f"bind 127.0.0.1:{http}",
            "bind :3001": f"bind {self.grpc_target}",
            "bind :8404": f"bind {self.health_target}",
            "ipv4@127.0.0.1:9999": f"ipv4@127.0.0.1:{control}",
            "/etc/haproxy/": f"{FOLDER}/",
            "1-20": "1-1",
            "trident:3000": f"127.0.0.1:{http_port}",
            "trident:3001": f"127.0.0.1:{grpc_port}",
            "connect port 3000": f"connect port {http_port}",
        }
        text = (FOLDER / "haproxy.cfg").read_text()
        for before, after in {**changes, **(waiting_times or {})}.items():
            assert before in text, f"haproxy.cfg has no {before!r} any more"
            text = text.replace(before, after)
        (folder / "haproxy.cfg").write_text(text)
        self._log_file = folder / "haproxy.log"
        with self._log_file.open("wb") as log:
            self._process = subprocess.Popen(
                [program, "-db", "-f", str(folder / "haproxy.cfg")],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )

    def __enter__(self) -> "LiveBalancer":
        give_up = time.monotonic() + START_SECONDS
        while self.health() is None:
            if self._process.poll() is not None or time.monotonic() > give_up:
                self.__exit__()
                raise AssertionError(f"HAProxy didn't start:\n{self._log_file.read_text()}")
            time.sleep(0.05)
        return self

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        self._process.wait(30)

    def health(self) -> int | None:
        """Return what the balancer's health check gets: 200, 503, or None while it starts."""
        try:
            return httpx.get(f"http://{self.health_target}/healthz").status_code
        except httpx.TransportError:
            return None
