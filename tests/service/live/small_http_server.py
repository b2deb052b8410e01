"""An HTTP server without models, run like a worker's, in a thread of the test's own process."""

import asyncio
import socket
import ssl
import threading
import time
from collections import Counter
from functools import partial
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

from uvicorn import Config

from service.api.problems import problem_response
from service.transport.closing_port import Acceptance
from service.transport.http1.accepting import SharingLoop
from service.transport.http1.connection import HttpConnection
from service.transport.http1.server import DrainingServer, StopPlan
from service.transport.http1.server_context import ServerContext
from service.transport.pace import TimeLimits
from tests.service.transport.http1.wire import head

SLOW = head("Content-Length: 0", path="/slow")
LARGE = head("Content-Length: 0", path="/large")
SLOW_SECONDS = 0.5
LARGE_BYTES = 64 * 1024 * 1024  # more than the kernel keeps for a client that doesn't read


async def application(scope: Any, receive: Any, send: Any) -> None:
    """Read the body, then answer: at once, after a while (/slow), or a lot (/large)."""
    while (await receive()).get("more_body"):
        pass
    if scope["path"] == "/slow":
        await asyncio.sleep(SLOW_SECONDS)
    body = bytes(LARGE_BYTES) if scope["path"] == "/large" else b"fine"
    headers = [(b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})


class SmallHttpServer:
    """Serves on a socket that it may share with others; it starts at once."""

    def __init__(
        self,
        listening: socket.socket,
        *,
        drain_timeout: float,
        grace: float = 0.0,
        certificate: Path | None = None,
    ) -> None:
        """Stop within both times, in seconds. `certificate` holds its key too.

        Without a grace it has the kernel refuse connections itself, as the last one on its socket.
        """
        context = ServerContext(TimeLimits(), problem_response)
        self.stops: list[float] = []
        config = Config(
            application,
            http=partial(HttpConnection, context),  # type: ignore[arg-type]
            lifespan="off",
            log_config=None,
            ssl_certfile=certificate,
        )
        self._server = DrainingServer(
            config,
            plan=StopPlan(
                drain_timeout,
                lambda: Acceptance(grace, is_alone=not grace),
                on_stop=lambda _: self.stops.append(time.monotonic()),
            ),
            connections=context.connections,
        )
        self._socket = listening.dup()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()
        while not self._server.started:
            time.sleep(0.001)

    def begin_to_stop(self) -> None:
        """Do what the first signal does."""
        self._server.should_exit = True

    def force(self) -> None:
        """Do what the second signal does."""
        self._server.force_exit = True

    def ended(self, seconds: float) -> bool:
        """Wait so many seconds for its end; return whether it has ended."""
        self._thread.join(seconds)
        return not self._thread.is_alive()

    def _run(self) -> None:
        with asyncio.Runner(loop_factory=SharingLoop) as runner:
            runner.run(self._server.serve([self._socket]))


def listen() -> socket.socket:
    """Return a socket that listens on a free port of this machine."""
    listening = socket.create_server(("127.0.0.1", 0), backlog=100)
    listening.set_inheritable(False)
    return listening


class Asker(threading.Thread):
    """A client that sends requests over one connection until it is refused."""

    def __init__(self, port: int, path: str = "/", body: bytes = b"?") -> None:
        super().__init__()
        self._port = port
        self._request = path, body
        self.seen: Counter[str] = Counter()
        """How often it was answered, by status, and what went wrong, by the error's name."""
        self.last = False
        """Whether its latest answer said that the connection ends."""
        self.start()

    def run(self) -> None:
        """Send requests."""
        while not self.seen["ConnectionRefusedError"]:
            connection = HTTPConnection("127.0.0.1", self._port, timeout=10)
            try:
                connection.connect()
                self._ask(connection)
            except OSError as error:
                self.seen[type(error).__name__] += 1

    def _ask(self, connection: HTTPConnection) -> None:
        path, body = self._request
        while connection.sock is not None:
            connection.request("POST", path, body, {"content-type": "image/png"})
            answer = connection.getresponse()
            answer.read()
            self.last = answer.getheader("connection") == "close"
            self.seen[str(answer.status)] += 1


def trusting() -> ssl.SSLContext:
    """Return an SSL context for a client that accepts any certificate."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context
