"""A worker's memory stays below the limit in docs/deployment.md, whatever is sent to it."""

import base64
import gzip
import http.client
import json
import os
import random
import re
import socket
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from functools import partial
from pathlib import Path
from tempfile import gettempdir
from typing import NamedTuple, Self

import grpc
import httpx
import psutil
from PIL import Image

from service.api.trident import inference_pb2 as messages
from service.settings import Settings
from tests.service.drawings import encode, grey, handwritten
from tests.service.live.grpc_client import inference_stub
from tests.service.live_server import ROOT, LiveServer

GIB = 1024**3
WORKER_BYTES = 2 * GIB
"""What the documentation says that a worker of the shipped models stays under."""

SECONDS = 6  # of the flood
TIMEOUT = 5  # of a request in it
CALLERS = 48

SMALL = encode(grey(handwritten("7")))
LARGE = Settings.model_fields["max_body_bytes"].default
# The most pixels that are accepted, in a small file, in the format that needs the most memory.
MANY_PIXELS = encode(Image.new("RGB", (8_000, 8_000), "red"), "WEBP")


class Request(NamedTuple):
    path: str
    body: bytes
    headers: dict[str, str]


def large_form() -> Request:
    """A form of the largest size, with pictures of the largest size in it."""
    head = b'--B\r\nContent-Disposition: form-data; name="image"; filename="a"\r\n\r\n'
    filler = os.urandom(LARGE // 2 - len(MANY_PIXELS) - 1000)
    parts = [head + part + b"\r\n" for part in (MANY_PIXELS, filler) * 2]
    headers = {"content-type": "multipart/form-data; boundary=B"}
    return Request("/classify", b"".join(parts) + b"--B--\r\n", headers)


def large_json() -> Request:
    pictures = [MANY_PIXELS, os.urandom(LARGE * 3 // 4 - len(MANY_PIXELS) - 1000)]
    body = json.dumps({"images": [base64.b64encode(data).decode() for data in pictures]})
    return Request("/embed", body.encode(), {"content-type": "application/json"})


def large_texts() -> Request:
    """Texts that use four times their size in memory."""
    texts = ["\U0001f3ac" + "a b " * ((LARGE - 10_000) // 4 // 16)] * 16
    body = json.dumps({"texts": texts}, ensure_ascii=False).encode()
    return Request("/sentiment", body, {"content-type": "application/json"})


def large_values() -> Request:
    body = b'{"texts": [' + b"[]," * (LARGE // 3 - 10) + b'""]}'
    return Request("/sentiment", body, {"content-type": "application/json"})


def bomb() -> Request:
    body = gzip.compress(("\U0001f3ac" + "a b " * ((LARGE - 10) // 4)).encode())
    headers = {"content-type": "text/plain", "content-encoding": "gzip"}
    return Request("/sentiment", body, headers)


def large_picture() -> Request:
    body = MANY_PIXELS + os.urandom(LARGE - len(MANY_PIXELS))
    return Request("/embed", body, {"content-type": "image/png"})


FLOOD = (large_form, large_json, large_texts, large_values, bomb, large_picture)


class Watch(threading.Thread):
    """Records a process's peak memory, and whether it has temporary files."""

    def __init__(self, process: psutil.Process) -> None:
        super().__init__()
        self._process = process
        self._stop_event = threading.Event()
        self.most = 0
        self.files: set[str] = set()

    def run(self) -> None:
        while not self._stop_event.wait(0.02):
            self.most = max(self.most, self._process.memory_info().rss)
            self.files |= set(self._temporary_files())

    def _temporary_files(self) -> Iterator[str]:
        """Yield the open files without a name, which temporary files are."""
        for descriptor in Path(f"/proc/{self._process.pid}/fd").iterdir():
            with suppress(OSError):
                file = str(descriptor.readlink())
                if file.startswith(gettempdir()) and file.endswith("(deleted)"):
                    yield file

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop_event.set()
        self.join()


def send(live: LiveServer, request: Request) -> str:
    connection = http.client.HTTPConnection("127.0.0.1", live.http_port, timeout=60)
    try:
        connection.request("POST", request.path, request.body, request.headers)
        return str(connection.getresponse().status)
    except (ConnectionError, TimeoutError) as error:  # refused while the body was being sent
        return type(error).__name__
    finally:
        connection.close()


def call(live: LiveServer) -> str:
    images = [MANY_PIXELS, os.urandom(LARGE - len(MANY_PIXELS) - 1000)]
    with grpc.insecure_channel(live.grpc_target) as channel:
        try:
            inference_stub(channel).Classify(messages.ClassifyRequest(images=images), timeout=60)
        except grpc.RpcError as error:
            return str(error.code().name)
    return "OK"


def open_stalled(live: LiveServer, body: bytes, declared: int) -> socket.socket:
    """Open a connection that sends a part of its request, and no more."""
    connection = socket.create_connection(("127.0.0.1", live.http_port))
    connection.sendall(
        b"POST /classify HTTP/1.1\r\nHost: a\r\nContent-Type: image/png\r\n"
        b"Content-Length: %d\r\n\r\n" % declared + body
    )
    return connection


def test_a_flood_of_the_largest_requests_keeps_a_worker_within_its_memory(
    shipped_models: Path, tmp_path: Path
) -> None:
    outcomes: Counter[str] = Counter()
    with ExitStack() as stack:
        live = stack.enter_context(LiveServer(tmp_path, shipped_models, request_timeout=TIMEOUT))
        live.wait_until_ready()
        (worker,) = live.workers()
        watch = stack.enter_context(Watch(worker))
        callers = stack.enter_context(ThreadPoolExecutor(100))
        asks = [(make.__name__, partial(send, live, make())) for make in FLOOD]
        asks.append(("gRPC", partial(call, live)))
        source = random.Random(11)
        until = time.monotonic() + SECONDS
        order = [source.choice(asks) for _ in range(1000)]

        def flood() -> None:
            while time.monotonic() < until:
                kind, ask = order.pop()
                outcomes[f"{kind} {ask()}"] += 1

        for _ in range(CALLERS):
            callers.submit(flood)
        for declared in (*[65_000] * 200, LARGE):
            stack.enter_context(open_stalled(live, bytes(60_000), declared))
        callers.shutdown()
        headers = {"content-type": "image/png"}
        after = httpx.post(f"{live.url}/classify", content=SMALL, headers=headers, timeout=60)
        assert after.json()["label"] == "7", after.text
        assert live.workers() == [worker], f"it was killed: {outcomes}"
    assert watch.most < WORKER_BYTES
    assert not watch.files
    assert sum(outcomes.values()) >= CALLERS
    assert not [line for line in live.log.splitlines() if "Traceback" in line or "ERROR" in line]


def test_the_bound_is_the_documented_one_and_fits_the_default_limits() -> None:
    deployment = (ROOT / "docs" / "deployment.md").read_text()
    assert f"under {WORKER_BYTES // GIB} GiB" in deployment
    compose = (ROOT / "docker" / "compose.yaml").read_text()
    limit = re.search(r"TRIDENT_MEMORY:-(\d+)g", compose)
    assert limit
    assert int(limit[1]) * GIB > WORKER_BYTES
