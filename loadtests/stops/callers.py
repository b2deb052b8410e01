"""Callers in a closed loop. Each sends its next request after an answer, until it is refused.

A request counts as one of three:

- *answered*;
- *refused*: no connection could be opened, so nothing was sent. Another server may get it;
- *lost*: it was sent, or an open connection broke under it, and no answer came.
"""

import asyncio
import http.client
import threading
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Final

import grpc
import httpx

from loadtests.bench.requests import HOST, Request
from service.api.trident import inference_pb2 as messages
from service.api.trident.inference_pb2_grpc import InferenceStub

CALLERS: Final = 16
TIMEOUT: Final = 60.0  # seconds
ANSWERED: Final = "answered"
REFUSED: Final = "refused"

Ask = Callable[[int, Request, Counter[str]], None]
"""Asks at a port until it is refused, and counts."""

_OWN_CONNECTION: Final = (("grpc.use_local_subchannel_pool", 1),)
_UNOPENED: Final = "failed to connect to all addresses"
"""What gRPC says of a call for which it had no connection."""


def ask_by_http_client(port: int, request: Request, seen: Counter[str]) -> None:
    """Ask with Python's own client."""
    headers = {"Content-Type": request.content_type}
    while not seen[REFUSED]:
        connection = http.client.HTTPConnection(HOST, port, timeout=TIMEOUT)
        try:
            connection.connect()
        except OSError:
            seen[REFUSED] += 1
            return
        try:
            while connection.sock is not None:  # it is closed after an answer that says so
                connection.request("POST", request.path, request.body, headers)
                answer = connection.getresponse()
                answer.read()
                seen[ANSWERED if answer.status == 200 else f"status {answer.status}"] += 1
        except (OSError, http.client.HTTPException) as error:
            seen[type(error).__name__] += 1
        finally:
            connection.close()


def ask_by_httpx(port: int, request: Request, seen: Counter[str]) -> None:
    """Ask with httpx."""
    headers = {"Content-Type": request.content_type}
    with httpx.Client(base_url=f"http://{HOST}:{port}", timeout=TIMEOUT) as client:
        while not seen[REFUSED]:
            try:
                answer = client.post(request.path, content=request.body, headers=headers)
            except httpx.ConnectError:
                seen[REFUSED] += 1
            except httpx.HTTPError as error:
                seen[type(error).__name__] += 1
            else:
                seen[ANSWERED if answer.status_code == 200 else f"status {answer.status_code}"] += 1


def ask_by_grpc(port: int, request: Request, seen: Counter[str]) -> None:
    """Ask over one gRPC channel."""
    message = messages.ClassifyRequest(images=[request.body])
    with grpc.insecure_channel(f"{HOST}:{port}", _OWN_CONNECTION) as channel:
        stub = InferenceStub(channel)  # type: ignore[no-untyped-call]
        while not seen[REFUSED]:
            try:
                stub.Classify(message, timeout=TIMEOUT)
            except grpc.RpcError as error:
                seen[_reason(error)] += 1
            else:
                seen[ANSWERED] += 1


def ask_by_grpc_aio(port: int, request: Request, seen: Counter[str]) -> None:
    """Ask over one channel of gRPC's asyncio client."""
    asyncio.run(_ask_by_grpc_aio(port, request, seen))


async def _ask_by_grpc_aio(port: int, request: Request, seen: Counter[str]) -> None:
    message = messages.ClassifyRequest(images=[request.body])
    async with grpc.aio.insecure_channel(f"{HOST}:{port}", _OWN_CONNECTION) as channel:
        stub = InferenceStub(channel)  # type: ignore[no-untyped-call]
        while not seen[REFUSED]:
            try:
                await stub.Classify(message, timeout=TIMEOUT)
            except grpc.RpcError as error:
                seen[_reason(error)] += 1
            else:
                seen[ANSWERED] += 1


def _reason(error: grpc.RpcError) -> str:
    details = str(error.details())
    return REFUSED if _UNOPENED in details else f"{error.code().name}: {details[:120]}"


HTTP_CALLERS: Final[Mapping[str, Ask]] = {
    "http.client": ask_by_http_client,
    "httpx": ask_by_httpx,
}
GRPC_CALLERS: Final[Mapping[str, Ask]] = {"grpc": ask_by_grpc, "grpc.aio": ask_by_grpc_aio}


class Threads:
    """Callers of one kind, in threads of this process."""

    def __init__(self, ask: Ask, port: int, request: Request) -> None:
        """Start them."""
        self._counts = [Counter[str]() for _ in range(CALLERS)]
        self._threads = [
            threading.Thread(target=ask, args=(port, request, seen), daemon=True)
            for seen in self._counts
        ]
        for thread in self._threads:
            thread.start()

    def result(self) -> Counter[str]:
        """Wait until all are refused; return what became of their requests."""
        for thread in self._threads:
            thread.join(2 * TIMEOUT)
        return sum(self._counts, Counter[str]())
