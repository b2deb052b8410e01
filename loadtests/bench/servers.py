"""The two servers that are compared: how each is started, its requests and its answers."""

import http.client
import json
import socket
import sys
import time
import urllib.request
import uuid
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from prometheus_client.parser import text_string_to_metric_families

from loadtests.bench.errors import ServerFailedError
from loadtests.bench.process_tree import ProcessTree
from loadtests.bench.requests import HOST, Request
from service.settings import get_settings

if TYPE_CHECKING:  # an import at run time would import the data sets, and TensorFlow
    from loadtests.bench.inputs import Input

ROOT = Path(__file__).resolve().parents[2]
READY_SECONDS = 300  # TensorFlow's import alone can take long on a loaded machine
WARM_SECONDS = 900
_POLL = 0.02


class Server(ABC):
    """`bentoml serve` of one service, with BentoML's own defaults; use it in a `with`."""

    name: str
    _folder: Path
    _target: str
    _warm_log: str | None = None
    _workers = 1
    _options: Sequence[str] = ()  # of `bentoml serve`

    def __init__(self, models: Path, folder: Path) -> None:
        """Start a server of the models; its log and BentoML's own files go to `folder`."""
        self.port = free_port()
        self._started = time.monotonic()
        environment = {"BENTOML_HOME": str(folder / "bentoml"), "BENTOML_DO_NOT_TRACK": "True"}
        command = [str(Path(sys.executable).with_name("bentoml")), "serve", self._target]
        self.tree = ProcessTree(
            [*command, "--host", HOST, "--port", str(self.port), *self._options],
            folder=self._folder,
            environment=environment | dict(self._environment(models)),
            log=folder / f"{self.name}-{self.port}.log",
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.tree.stop()

    @abstractmethod
    def _environment(self, models: Path) -> Mapping[str, str]: ...

    @abstractmethod
    def request(self, endpoint: str, data: "Input") -> Request:
        """Return the request for one input."""

    @abstractmethod
    def answer(self, body: bytes) -> Mapping[str, Any]:
        """Read the answer to `request`."""

    def wait_until_ready(self) -> float:
        """Wait until /readyz says 200; return the seconds since the start.

        Raises:
            ServerFailedError: it never becomes ready.
        """
        self._wait(self._is_ready, READY_SECONDS, "become ready")
        return time.monotonic() - self._started

    def wait_until_warm(self) -> None:
        """Wait until the server's work after its start is done. Raises ServerFailedError."""
        if self._warm_log is not None:
            awaited = self._warm_log
            self._wait(
                lambda: self.tree.log.count(awaited) >= self._workers,
                WARM_SECONDS,
                f"log {awaited!r}",
            )

    def _wait(self, condition: Any, seconds: float, what: str) -> None:
        give_up = time.monotonic() + seconds
        while not condition():
            if not self.tree.alive or time.monotonic() > give_up:
                raise ServerFailedError(
                    f"{self.name} didn't {what}. Its log ends with:\n{self.tree.log[-2000:]}"
                )
            time.sleep(_POLL)

    def _is_ready(self) -> bool:
        connection = http.client.HTTPConnection(HOST, self.port, timeout=5)
        try:
            connection.request("GET", "/readyz")
            return connection.getresponse().status == 200
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()


class Trident(Server):
    """This project's service. It uses TRIDENT_ settings from the environment."""

    name = "trident"
    _folder = ROOT
    _target = "service:Trident"
    _warm_log = "all shapes are timed"

    def __init__(self, models: Path, folder: Path) -> None:
        """Start it, with gRPC on a separate port."""
        self.grpc_port = free_port()
        self._workers = get_settings().workers
        super().__init__(models, folder)

    def _environment(self, models: Path) -> Mapping[str, str]:
        return {
            "TRIDENT_MODELS": str(models),
            "TRIDENT_GRPC_HOST": HOST,
            "TRIDENT_GRPC_PORT": str(self.grpc_port),
        }

    def request(self, endpoint: str, data: "Input") -> Request:
        """Return a request with the input as its body."""
        if isinstance(data, str):
            return Request(f"/{endpoint}", "text/plain; charset=utf-8", data.encode())
        return Request(f"/{endpoint}", image_type(data), data)

    def answer(self, body: bytes) -> Mapping[str, Any]:
        """Read one answer."""
        answer: Mapping[str, Any] = json.loads(body)
        return answer

    def failed_grpc_calls(self) -> int:
        """Return the server's own count of failed gRPC calls so far."""
        url = f"http://{HOST}:{self.port}/metrics"
        with urllib.request.urlopen(url, timeout=30) as answer:
            families = text_string_to_metric_families(answer.read().decode())
        return int(
            sum(
                sample.value
                for family in families
                for sample in family.samples
                if sample.name == "trident_requests_total"
                and sample.labels["protocol"] == "grpc"
                and sample.labels["status"] != "OK"
            )
        )


class Stock(Server):
    """Stock BentoML, `stock/service.py`."""

    name = "stock"
    _folder = Path(__file__).with_name("stock")
    _target = "service:Stock"

    def _environment(self, models: Path) -> Mapping[str, str]:
        return {"STOCK_MODELS": str(models)}

    def request(self, endpoint: str, data: "Input") -> Request:
        """Return a request in BentoML's own form: a list of one."""
        if isinstance(data, str):
            return Request(
                f"/{endpoint}", "application/json", json.dumps({"texts": [data]}).encode()
            )
        boundary = uuid.uuid5(uuid.NAMESPACE_URL, endpoint).hex
        head = (
            f"--{boundary}\r\n"
            'Content-Disposition: form-data; name="images"; filename="image"\r\n'
            f"Content-Type: {image_type(data)}\r\n\r\n"
        )
        body = head.encode() + data + f"\r\n--{boundary}--\r\n".encode()
        return Request(f"/{endpoint}", f"multipart/form-data; boundary={boundary}", body)

    def answer(self, body: bytes) -> Mapping[str, Any]:
        """Read the only answer of the list."""
        answers: Sequence[Mapping[str, Any]] = json.loads(body)
        return answers[0]


def image_type(image: bytes) -> str:
    """Return an image file's media type: JPEG or PNG."""
    return "image/jpeg" if image.startswith(b"\xff\xd8") else "image/png"


def free_port() -> int:
    """Return a TCP port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])
