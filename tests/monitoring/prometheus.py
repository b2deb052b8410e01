"""A real Prometheus that monitors a Trident under test, with the committed configuration."""

import os
import re
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import yaml

from tests.service.live.balancer.live_balancer import LiveBalancer
from tests.service.live_server import ROOT, LiveServer, free_port

CONFIGURATION = ROOT / "docker" / "prometheus"
START_SECONDS = 60

Window = Callable[[str, str], str]
"""From a rule group's name and a window such as "1h" to the window to take in its place."""


class LivePrometheus:
    """Prometheus in a separate process, started by the constructor; use it in a `with`."""

    def __init__(
        self,
        folder: Path,
        server: LiveServer,
        balancer: LiveBalancer,
        *,
        every: str,
        window: Window,
    ) -> None:
        """Scrape both and evaluate the rules, all at the interval `every`. One replica is wanted.

        The rules are the committed ones, with shorter windows: a test can't take a week.
        """
        own = f"127.0.0.1:{free_port()}"
        targets = {
            "trident": f"127.0.0.1:{server.http_port}",
            "balancer": balancer.health_target,
            "prometheus": own,
        }
        _write_configuration(folder, targets, every, window)
        self._log = (folder / "prometheus.log").open("wb")
        self._process = subprocess.Popen(
            [
                *("sh", str(CONFIGURATION / "start.sh")),
                f"--config.file={folder / 'prometheus.yml'}",
                f"--storage.tsdb.path={folder / 'data'}",
                f"--web.listen-address={own}",
            ],
            env=os.environ | {"TRIDENT_REPLICAS": "1", "TMPDIR": str(folder)},
            stdout=self._log,
            stderr=subprocess.STDOUT,
        )
        self._http = httpx.Client(base_url=f"http://{own}", timeout=30)

    def __enter__(self) -> "LivePrometheus":
        give_up = time.monotonic() + START_SECONDS
        while not self._is_ready():
            if self._process.poll() is not None or time.monotonic() > give_up:
                self.__exit__()
                raise AssertionError(
                    "Prometheus didn't start:\n" + Path(self._log.name).read_text()
                )
            time.sleep(0.1)
        return self

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        self._process.wait(30)
        self._log.close()
        self._http.close()

    def _is_ready(self) -> bool:
        try:
            return self._http.get("/-/ready").status_code == 200
        except httpx.TransportError:
            return False

    def query(self, expression: str, at: float) -> list[dict[str, Any]]:
        """Return the series of an instant query, each with `metric` and `value`."""
        data = self.get("query", query=expression, time=at)
        result: list[dict[str, Any]] = data["result"]
        return result

    def query_range(
        self, expression: str, start: float, end: float, step: float
    ) -> list[dict[str, Any]]:
        """Return the series of a range query, each with `metric` and `values`."""
        data = self.get("query_range", query=expression, start=start, end=end, step=step)
        result: list[dict[str, Any]] = data["result"]
        return result

    def label_values(self, series: str, label: str) -> list[str]:
        """Return the values that a label has in some series."""
        values: list[str] = self.get(f"label/{label}/values", **{"match[]": series})
        return values

    def get(self, path: str, **parameters: Any) -> Any:
        """Return the data that Prometheus's API answers. Raises AssertionError if it refuses."""
        answer = self._http.get(f"/api/v1/{path}", params=parameters).json()
        assert answer["status"] == "success", answer
        return answer["data"]


def _write_configuration(folder: Path, targets: dict[str, str], every: str, window: Window) -> None:
    config = yaml.safe_load((CONFIGURATION / "prometheus.yml").read_text())
    config["global"] = {"scrape_interval": every, "evaluation_interval": every}
    config["rule_files"] = ["rules/*.yml", "wanted.yml"]
    for job in config["scrape_configs"]:
        job.pop("dns_sd_configs", None)
        job["static_configs"] = [{"targets": [targets.pop(job["job_name"])]}]
    (folder / "prometheus.yml").write_text(yaml.safe_dump(config))
    (folder / "rules").mkdir()
    for file in (CONFIGURATION / "rules").iterdir():
        rules = yaml.safe_load(file.read_text())
        for group in rules["groups"]:
            group.pop("interval", None)
            for rule in group["rules"]:
                rule["expr"] = _with_windows(rule["expr"], group["name"], window)
        (folder / "rules" / file.name).write_text(yaml.safe_dump(rules))


def _with_windows(expression: str, group: str, window: Window) -> str:
    return re.sub(
        r"(?<=\[)\w+(?=\])|(?<=offset )\w+", lambda found: window(group, found[0]), expression
    )
