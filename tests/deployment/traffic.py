"""Clients of both protocols that send requests without a pause, and record failures."""

import io
import threading
from collections import Counter
from collections.abc import Callable, Collection

import grpc
import httpx
from PIL import Image

from service.api.trident import inference_pb2 as messages
from tests.deployment.docker import ROOT
from tests.service.live.grpc_client import inference_stub

SEVEN = (ROOT / "tests/data/digits/7_7701.png").read_bytes()
PNG = {"content-type": "image/png"}
TIMEOUT = 30  # seconds a request


def large_seven() -> bytes:
    """Return the same digit as a BMP of 360 kB: too large for the balancer's buffer."""
    with Image.open(io.BytesIO(SEVEN)) as image, io.BytesIO() as file:
        image.resize((600, 600)).save(file, "BMP")
        return file.getvalue()


class Traffic:
    """Use it in a `with`: the clients send requests until its end."""

    def __init__(self, http: str, grpc_target: str) -> None:
        """Prepare clients of the HTTP service and the gRPC service at these HOST:PORT."""
        self._url = f"http://{http}/classify"
        self._grpc_target = grpc_target
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self.answers: Counter[str] = Counter()
        """Right answers, by kind of client."""
        self.failures: list[str] = []
        self._clients = {
            "kept connection": self._ask_by_kept_connection,
            "new connections": self._ask_by_new_connections,
            "large body": self._ask_with_large_body,
            "gRPC": self._ask_by_grpc,
        }
        self._threads = [
            threading.Thread(target=client, args=[kind]) for kind, client in self._clients.items()
        ]

    @property
    def kinds(self) -> Collection[str]:
        """The kinds of clients."""
        return self._clients.keys()

    def __enter__(self) -> "Traffic":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def _ask_by_kept_connection(self, kind: str) -> None:
        with httpx.Client(timeout=TIMEOUT) as client:
            self._repeat(kind, lambda: _label(client.post(self._url, content=SEVEN, headers=PNG)))

    def _ask_by_new_connections(self, kind: str) -> None:
        def ask() -> str:
            return _label(httpx.post(self._url, content=SEVEN, headers=PNG, timeout=TIMEOUT))

        self._repeat(kind, ask)

    def _ask_with_large_body(self, kind: str) -> None:
        image = large_seven()
        bmp = {"content-type": "image/bmp"}
        with httpx.Client(timeout=TIMEOUT) as client:
            self._repeat(kind, lambda: _label(client.post(self._url, content=image, headers=bmp)))

    def _ask_by_grpc(self, kind: str) -> None:
        request = messages.ClassifyRequest(images=[SEVEN])
        with grpc.insecure_channel(self._grpc_target) as channel:
            stub = inference_stub(channel)

            def ask() -> str:
                response = stub.Classify(request, timeout=TIMEOUT)
                return str(response.results[0].classification.label)

            self._repeat(kind, ask)

    def _repeat(self, kind: str, ask: Callable[[], str]) -> None:
        while not self._stop.is_set():
            try:
                answer = ask()
            except (httpx.HTTPError, grpc.RpcError) as error:
                answer = repr(error)
            with self._lock:
                if answer == "7":
                    self.answers[kind] += 1
                else:
                    self.failures.append(f"{kind}: {answer}")
            self._stop.wait(0.01)


def _label(response: httpx.Response) -> str:
    return str(response.json()["label"]) if response.status_code == 200 else response.text
