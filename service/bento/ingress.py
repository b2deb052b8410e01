"""The ingress: Trident's own routes, answered in front of BentoML's per-request stack.

This is the one place that knows a BentoML worker from within. It holds for BentoML 1.4: a service
made with `service_class=` is asked for its ASGI application by `to_asgi`, once in each worker,
before that worker looks up `uvicorn.Server`, `uvicorn.protocols.http.auto.AutoHTTPProtocol` and
`uvicorn.loops.auto.auto_loop_factory`.
"""

import logging
import os
from collections.abc import Callable
from functools import partial
from typing import Any
from urllib.parse import parse_qsl

import uvicorn
from bentoml import Service
from bentoml._internal.utils.analytics import usage_stats
from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.loops import auto as loops
from uvicorn.protocols.http import auto as protocols

from service.api.problems import problem_response
from service.api.trident.http import HttpAdapter
from service.bento.orphan import END_SECONDS, end_with_supervisor
from service.transport.http1.connection import HttpConnection
from service.transport.http1.pace import TimeLimits
from service.transport.http1.protocol import EndpointProtocol
from service.transport.http1.request import HttpRequest, HttpResponse, read_headers
from service.transport.http1.server import DrainingServer
from service.transport.http1.ticker import Ticker


class Ingress:
    """An ASGI application that answers what its adapter does and passes on everything else."""

    def __init__(self, application: ASGIApp, adapter: HttpAdapter) -> None:
        self._application = application
        self._adapter = adapter

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request (ASGI 3)."""
        if not self._is_ours(scope):
            await self._application(scope, receive, send)
            return
        query = scope["query_string"]
        request = HttpRequest(
            scope["path"],
            read_headers(scope["headers"]),
            dict(parse_qsl(query.decode("latin-1"))) if query else {},
            receive,
        )
        await _send(await self._adapter.answer(request), send)

    def _is_ours(self, scope: Scope) -> bool:
        if scope["type"] != "http" or scope["method"] != "POST":
            return False
        return self._adapter.path_of(scope["path"].encode()) is not None


def behind_ingress(
    adapter: HttpAdapter | None,
    *,
    workers: int,
    limits: TimeLimits,
    drain_timeout: float,
    is_ready: Callable[[], bool],
    on_stop: Callable[[], None],
) -> type[Any]:
    """Return a BentoML service class whose `workers` answer the endpoints by `adapter`.

    Without an adapter BentoML answers them itself. `limits` hold for clients. While a worker isn't
    ready, the others take its connections. `on_stop` is called in a worker that begins to stop; its
    requests then have `drain_timeout` seconds.
    """

    class FrontedService(Service):
        __slots__ = ()

        def to_asgi(self, is_main: bool = True) -> ASGIApp:  # noqa: FBT001, FBT002
            end_with_supervisor(drain_timeout + END_SECONDS)
            _silence_access_log()
            _stop_in_time(drain_timeout, on_stop)
            _take_connections(limits, adapter)
            if workers > 1:
                _share_connections(is_ready)
            application: ASGIApp = super().to_asgi(is_main=is_main)
            return application if adapter is None else Ingress(application, adapter)

    return FrontedService


def send_no_usage_reports() -> None:
    """Keep BentoML from sending its makers what is served, unless the operator asks for that.

    BentoML sends unless a variable is set, and has looked at it before it imports a service.
    """
    os.environ.setdefault(usage_stats.BENTOML_DO_NOT_TRACK, "True")
    usage_stats.do_not_track.cache_clear()


async def _send(response: HttpResponse, send: Send) -> None:
    headers = [
        (name.encode("latin-1"), value.encode("latin-1"))
        for name, value in response.headers.items()
    ]
    headers.append((b"content-length", b"%d" % len(response.body)))
    await send({"type": "http.response.start", "status": response.status, "headers": headers})
    await send({"type": "http.response.body", "body": response.body})


def _silence_access_log() -> None:
    """Keep uvicorn from composing a line a request that nobody prints.

    BentoML leaves the logger without a level, so uvicorn finds the root's handler and formats
    for it; that handler then drops the line.
    """
    logging.getLogger("uvicorn.access").propagate = False


def _stop_in_time(drain_timeout: float, on_stop: Callable[[], None]) -> None:
    """Have BentoML's worker run a server that stops within its time."""
    server = partial(DrainingServer, drain_timeout=drain_timeout, on_stop=on_stop)
    uvicorn.Server = server  # type: ignore[assignment, misc]


def _take_connections(limits: TimeLimits, adapter: HttpAdapter | None) -> None:
    """Have uvicorn use our own connections: by `adapter` they answer some requests themselves."""
    kind = HttpConnection if adapter is None else EndpointProtocol
    of_service = {"limits": limits, "ticker": Ticker(), "problem": staticmethod(problem_response)}
    if adapter is not None:
        of_service["application"] = adapter
    protocols.AutoHTTPProtocol = type(kind.__name__, (kind,), of_service)


def _share_connections(is_ready: Callable[[], bool]) -> None:
    """Have uvicorn run on a loop that leaves the other workers their part."""
    try:
        from service.transport.http1.accepting import SharingLoop
    except ImportError:  # there is no uvloop for Windows
        return

    class WorkerLoop(SharingLoop):
        @staticmethod
        def is_ready() -> bool:
            return is_ready()

    loops.auto_loop_factory = lambda use_subprocess=False: WorkerLoop
