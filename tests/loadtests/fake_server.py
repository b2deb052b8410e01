"""Servers with Trident's interfaces but without models: every answer is the same."""

import json
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import grpc

RETRY_AFTER = "10"  # seconds


@contextmanager
def fake_server(status: int, answer: object) -> Iterator[str]:
    """Answer every request with `status` and `answer` as JSON; yield the server's URL.

    A 429 has the header Retry-After with `RETRY_AFTER`.
    """
    content = json.dumps(answer).encode()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers.get("content-length", 0)))
            self.send_response(status)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(content)))
            if status == 429:
                self.send_header("retry-after", RETRY_AFTER)
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


@contextmanager
def overloaded_grpc_server() -> Iterator[str]:
    """Refuse every call as Trident does when its queue is full; yield the server's address."""

    def refuse(_: bytes, context: Any) -> None:
        context.set_trailing_metadata((("retry-after", RETRY_AFTER),))
        context.abort(grpc.StatusCode.RESOURCE_EXHAUSTED, "The queue is full.")

    with _grpc_server(refuse) as address:
        yield address


@contextmanager
def silent_grpc_server() -> Iterator[str]:
    """Accept every call and answer none; yield the server's address."""
    over = threading.Event()

    def wait(_: bytes, context: Any) -> None:
        over.wait()
        context.abort(grpc.StatusCode.CANCELLED, "")

    with _grpc_server(wait) as address:
        try:
            yield address
        finally:
            over.set()


@contextmanager
def _grpc_server(answer: Callable[[bytes, Any], None]) -> Iterator[str]:
    class Handler(grpc.GenericRpcHandler):  # type: ignore[type-arg]  # a plain class at run time
        def service(self, _: grpc.HandlerCallDetails) -> Any:
            return grpc.unary_unary_rpc_method_handler(answer)

    server = grpc.server(ThreadPoolExecutor(8), handlers=[Handler()])
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        yield f"127.0.0.1:{port}"
    finally:
        server.stop(None).wait()
