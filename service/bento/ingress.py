"""The ingress: Trident's endpoints, answered in front of BentoML (see docs/decisions/ingress.md).

Only this module uses internals of a BentoML worker. They are those of BentoML 1.4: each worker
calls `to_asgi` of a service made with `service_class=` once, before it looks up `uvicorn.Server`,
`uvicorn.protocols.http.auto.AutoHTTPProtocol` and `uvicorn.loops.auto.auto_loop_factory`.
"""

import os
import ssl
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import uvicorn
from bentoml import Service
from bentoml._internal.utils.analytics import usage_stats
from starlette.applications import Starlette
from starlette.types import ASGIApp
from uvicorn.loops import auto as loops
from uvicorn.protocols.http import auto as protocols

from service.api.unrouted import HANDLERS
from service.bento.orphan import END_SECONDS, end_with_supervisor
from service.transport.http1.connection import HttpConnection
from service.transport.http1.server import Door, DrainingServer, StopPlan
from service.transport.http1.server_context import ServerContext


def behind_ingress(
    context: ServerContext,
    *,
    workers: int,
    plan: StopPlan,
    takes_connections: Callable[[], bool],
    is_another_ready: Callable[[], bool],
    tls: ssl.SSLContext | None = None,
    doors: Sequence[Door] = (),
) -> type[Any]:
    """Return a BentoML service class whose `workers` serve HTTP by connections of our own.

    These answer what `context.application` answers; BentoML answers the rest, and everything if
    there is no application. A worker stops by the `plan`. While `takes_connections` is false, the
    others take its connections. HTTP is served with `tls`, and by other `doors` too.
    """
    server = partial(
        DrainingServer, plan=plan, connections=context.connections, tls=tls, doors=doors
    )

    class FrontedService(Service):
        __slots__ = ()

        def to_asgi(self, is_main: bool = True) -> ASGIApp:  # noqa: FBT001, FBT002
            end_with_supervisor(plan.drain_timeout + END_SECONDS)
            uvicorn.Server = server  # type: ignore[assignment, misc]
            _take_connections(context)
            _choose_loop(takes_connections, is_another_ready, is_shared=workers > 1)
            application: Starlette = super().to_asgi(is_main=is_main)
            _answer_by_problems(application)
            return application

    return FrontedService


def _answer_by_problems(application: Starlette) -> None:
    """Answer requests that no route takes as the rest of the service does.

    Nor is a request sent on to its path without the last slash: the `Location` would name the
    host that the caller has named.
    """
    application.router.redirect_slashes = False
    for status, handler in HANDLERS.items():
        application.add_exception_handler(status, handler)


def send_no_usage_reports() -> None:
    """Keep BentoML from sending usage reports to its makers, unless the operator asks for that.

    BentoML sends them unless a variable is set, and caches that before it imports a service.
    """
    os.environ.setdefault(usage_stats.BENTOML_DO_NOT_TRACK, "True")
    usage_stats.do_not_track.cache_clear()


def _take_connections(context: ServerContext) -> None:
    """Have uvicorn use our connections."""
    protocols.AutoHTTPProtocol = partial(HttpConnection, context)  # type: ignore[assignment]


def _choose_loop(
    takes_connections: Callable[[], bool],
    is_another_ready: Callable[[], bool],
    *,
    is_shared: bool,
) -> None:
    """Have uvicorn run on a loop that leaves other workers, if any, their share of connections."""
    try:
        from service.transport.http1.accepting import ServingLoop, SharingLoop
    except ImportError:  # there is no uvloop for Windows
        return

    class WorkerLoop(SharingLoop):
        @staticmethod
        def is_ready() -> bool:
            return takes_connections()

        @staticmethod
        def is_another_ready() -> bool:
            return is_another_ready()

    loop = WorkerLoop if is_shared else ServingLoop
    loops.auto_loop_factory = lambda use_subprocess=False: loop
