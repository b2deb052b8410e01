"""A service of two workers is told to stop: once, twice, with Ctrl+C, under load."""

import os
import signal
import socket
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import grpc

from service.api.trident import inference_pb2 as messages
from tests.service.live.grpc_client import inference_stub
from tests.service.live.small_http_server import Asker
from tests.service.live_server import LiveServer, wait_for
from tests.service.transport.http1.wire import connect, head, read_answer

ENDLESS = 300.0  # seconds to drain: longer than any test waits
SLACK = 30.0  # seconds that processes may take to end, on a machine that is busy
GET_READYZ = b"GET /readyz HTTP/1.1\r\nHost: localhost\r\n\r\n"


@contextmanager
def two_workers(folder: Path, models: Path, **settings: object) -> Iterator[LiveServer]:
    with LiveServer(folder, models, workers=2, **settings) as live:
        live.wait_until_ready()
        wait_for(lambda: live.log.count("ready: gRPC") == 2)
        yield live


class GrpcAsker(threading.Thread):
    """A client that makes calls over one connection until nothing listens any more."""

    def __init__(self, target: str, image: bytes) -> None:
        super().__init__()
        self._target = target
        tint = messages.ModelChoice(name="tint")
        self._request = messages.ClassifyRequest(images=[image], model=tint)
        self.seen: Counter[str] = Counter()
        self.start()

    def run(self) -> None:
        """Call."""
        options = (("grpc.use_local_subchannel_pool", 1),)
        with grpc.insecure_channel(self._target, options) as channel:
            stub = inference_stub(channel)
            while "Connection refused" not in self.seen:
                try:
                    stub.Classify(self._request, timeout=20)
                except grpc.RpcError as error:
                    refused = "failed to connect" in str(error.details())  # so nothing was sent
                    self.seen["Connection refused" if refused else error.code().name] += 1
                else:
                    self.seen["OK"] += 1


def test_busy_workers_end_and_lose_no_request_of_either_protocol(
    demo_models: Path, tmp_path: Path, seven: bytes
) -> None:
    with two_workers(tmp_path, demo_models, stop_grace=1, drain_timeout=ENDLESS) as live:
        askers = [Asker(live.http_port, "/classify?model=tint", seven) for _ in range(16)]
        callers = [GrpcAsker(live.grpc_target, seven) for _ in range(8)]
        time.sleep(1)
        live.process.send_signal(signal.SIGTERM)
        assert live.wait_until_exit(SLACK) == 0
        seen, called = Counter[str](), Counter[str]()
        for asker in askers:
            asker.join(SLACK)
            seen += asker.seen
        for caller in callers:
            caller.join(SLACK)
            called += caller.seen
    assert set(seen) == {"200", "ConnectionRefusedError"}, seen
    assert set(called) == {"OK", "Connection refused"}, called
    assert "Traceback" not in live.log


def test_it_is_not_ready_from_the_first_signal_and_ends_at_once_by_the_second(
    demo_models: Path, tmp_path: Path
) -> None:
    with two_workers(tmp_path, demo_models, drain_timeout=ENDLESS) as live:
        stalled, kept = connect(live.http_port), connect(live.http_port)
        with stalled, kept:
            stalled.sendall(head("Content-Length: 1000") + b"half")
            kept.sendall(GET_READYZ)
            assert read_answer(kept).status == 200
            ctrl_c(live)
            wait_for(lambda: not listens(live.http_port) and not listens(live.grpc_port), SLACK)
            wait_for(lambda: not says_ready(kept), SLACK)
            time.sleep(1)
            assert live.process.poll() is None
            ctrl_c(live)
            assert live.wait_until_exit(SLACK) == 0
        assert not any(worker.is_running() for worker in live.children)
    assert "told to stop again" in live.log
    assert "Traceback" not in live.log


def ctrl_c(live: LiveServer) -> None:
    """Send Ctrl+C as a terminal does."""
    os.killpg(live.process.pid, signal.SIGINT)


def listens(port: int) -> bool:
    try:
        connect(port).close()
    except ConnectionRefusedError:
        return False
    return True


def says_ready(wire: socket.socket) -> bool:
    """Send a request over a connection that was idle, and may be closed by now."""
    with suppress(OSError):
        wire.sendall(GET_READYZ)
        return b" 200 " in wire.recv(100)
    return False
