"""The BentoML service: it creates all parts by the settings, and starts and stops them."""

import asyncio
import logging
import os
from typing import TYPE_CHECKING, Any, NoReturn

import bentoml
from bentoml.exceptions import BentoMLConfigException
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from service import __version__
from service.api.access.browsers import Browsers
from service.api.access.client_limits import ClientLimits
from service.api.access.gate import Gate
from service.api.access.keyring import Keyring
from service.api.access.keys import InvalidKeysError
from service.api.docs import docs_routes
from service.api.grpc_server import GrpcServer
from service.api.problems import problem_response
from service.api.trident.administration import Administration
from service.api.trident.http import HttpAdapter
from service.api.trident.routes import model_routes
from service.api.unrouted import HANDLERS
from service.bento.descriptors import make_room_for, possible_connections
from service.bento.endpoints import declared
from service.bento.ingress import behind_ingress, send_no_usage_reports
from service.bento.lifecycle import Lifecycle
from service.bento.metrics_folder import check_room, choose_metrics_folder, metrics_folder
from service.bento.orphan import is_orphan
from service.bento.ports import grpc_port, operations_port
from service.bento.process_limits import check_open_files, forbid_core_dumps
from service.bento.ready_mark import ReadyMark
from service.bento.supervisor import supervise
from service.engine.engine import Engine
from service.engine.folder.repository import read_models
from service.engine.limits import Limits
from service.engine.rollout.leader import Watching
from service.errors import CorruptModelError
from service.settings import CORES, InvalidSettingsError, get_settings, max_inline_seconds
from service.settings_report import report_settings
from service.telemetry.buffering import flush_buffers
from service.telemetry.exchange import ExchangeListener
from service.telemetry.exposition import render_metrics
from service.telemetry.logs import AccessLog, configure_logging
from service.telemetry.process_metrics import ProcessMetrics
from service.transport.closing_port import Acceptance
from service.transport.http1.server import Door, StopPlan
from service.transport.http1.server_context import ServerContext
from service.transport.open_connections import OpenConnections
from service.transport.pace import TimeLimits
from service.transport.refusal_pacer import RefusalPacer
from service.transport.tls import Certificates, InvalidCertificateError
from service.watched_files import look_again

if TYPE_CHECKING:
    from service.telemetry.tracing import Tracer

logger = logging.getLogger(__name__)

send_no_usage_reports()
choose_metrics_folder()
try:
    settings = get_settings()
except InvalidSettingsError as error:
    raise BentoMLConfigException(str(error)) from None

_DESCRIPTION = """
Trained Keras models behind HTTP and gRPC.

Send one image or text, or many at once. The answer to several inputs is a list in the same order.
Errors are problem documents (RFC 9457) that say what to change.
"""

_engine = Engine(
    Watching(
        models=settings.models,
        interval=settings.watch_interval,
        latest_versions=settings.latest_versions,
        unload_defaults=settings.unload_default_models,
    ),
    Limits(
        max_batch_size=settings.max_batch_size,
        max_queue_size=settings.max_queue_size,
        max_queue_seconds=settings.max_queue_seconds,
        max_inputs=settings.max_inputs,
        max_pixels=settings.max_pixels,
        max_inflight_bytes=settings.max_inflight_bytes,
        # Half of the cores: the other half stays free for small requests during a flood of photos.
        decoders=max(1, CORES // (2 * settings.workers)),
        max_inline_seconds=max_inline_seconds(settings.workers, CORES),
    ),
    shared=metrics_folder("shared"),
)
_administration = Administration(
    _engine,
    settings.models,
    request_timeout=settings.request_timeout,
)
_listeners: list[ExchangeListener] = []
_http = HttpAdapter(
    _engine,
    max_inputs=settings.max_inputs,
    max_body_bytes=settings.max_body_bytes,
    request_timeout=settings.request_timeout,
    listeners=_listeners,
)
_time_limits = TimeLimits(
    header_timeout=settings.header_timeout,
    stall_timeout=settings.stall_timeout,
    min_rate=settings.min_transfer_rate,
)
_keyring = Keyring(settings.keys_file, settings.keys.get_secret_value() if settings.keys else None)
_client_limits = ClientLimits(rate=settings.client_rate, concurrency=settings.client_concurrency)
_refusals = RefusalPacer()
_browsers = Browsers(settings.cors_origins, has_tls=settings.tls_certificate is not None)
_gate = Gate(
    _keyring,
    _browsers,
    _client_limits,
    _listeners,
    operations_apart=settings.operations_port != 0,
)
_grpc_port = grpc_port(settings.grpc_host, settings.grpc_port)
_operations_port = operations_port(settings.operations_host, settings.operations_port)
_ports = [_grpc_port, *([_operations_port] if settings.operations_port else ())]
try:
    _certificates = Certificates.given(
        settings.tls_certificate, settings.tls_key, settings.tls_client_ca
    )
    _tls = _certificates.context("http/1.1") if _certificates else None
    _grpc_tls = _certificates.context("h2") if _certificates else None
    # Probes, and who scrapes metrics, have no certificates.
    _operations_tls = (
        _certificates.context("http/1.1", asks_clients=False) if _certificates else None
    )
except InvalidCertificateError as error:
    raise BentoMLConfigException(str(error)) from None
_connections = OpenConnections(possible_connections(settings.max_connections))
_http_server = ServerContext(
    _time_limits,
    problem_response,
    _http if settings.ingress else None,
    _gate.admit,
    _connections,
    refusals=_refusals,
)
_grpc = GrpcServer(
    _engine,
    _grpc_port.inherited(),
    max_body_bytes=settings.max_body_bytes,
    request_timeout=settings.request_timeout,
    time_limits=_time_limits,
    admit=_gate.admit_call,
    refusals=_refusals,
    tls=_grpc_tls,
    connections=_connections,
    listeners=_listeners,
)
_ready_mark = ReadyMark(metrics_folder())
_lifecycle = Lifecycle(
    _engine,
    _grpc,
    _ready_mark,
    drain_timeout=settings.drain_timeout,
    call_timeout=settings.call_timeout,
)


def _doors() -> list[Door]:
    """Return the doors besides HTTP's own, in a worker."""
    listening = _operations_port.inherited()
    context = ServerContext(_time_limits, problem_response, gate=_gate.admit_to_operations)
    return [] if listening is None else [Door(listening, context, _operations_tls)]


def _acceptance() -> Acceptance | None:
    """Return how this worker goes on accepting connections when it stops."""
    if _lifecycle.hangs:  # the others accept them
        return None
    if is_orphan():  # the ports are needed by a new service
        return Acceptance(is_alone=True)
    return Acceptance(settings.stop_grace)


def _make_tracer(worker: str) -> "Tracer | None":
    if settings.traces is None:
        return None
    from service.telemetry.tracing import Tracer

    return Tracer(str(settings.traces), version=__version__, worker=worker)


async def _metrics(_: Request) -> Response:
    flush_buffers()
    content = await asyncio.to_thread(render_metrics)
    return Response(content, media_type="text/plain; version=0.0.4; charset=utf-8")


_operations = Starlette(
    routes=[
        Route("/metrics", _metrics),
        *_administration.routes(),
        *model_routes(_engine, _http.answer),
        *docs_routes(
            _DESCRIPTION,
            max_inputs=settings.max_inputs,
            max_body_bytes=settings.max_body_bytes,
            max_pixels=settings.max_pixels,
        ),
    ],
    exception_handlers=HANDLERS,
)


# BentoML finds an endpoint by the name of a class's member.
Endpoints: Any = type("Endpoints", (), declared(_http.answer))


@bentoml.service(
    name="trident",
    service_class=behind_ingress(
        _http_server,
        workers=settings.workers,
        plan=StopPlan(settings.drain_timeout, _acceptance, _lifecycle.begin_stop),
        takes_connections=lambda: _lifecycle.takes_connections,
        is_another_ready=_ready_mark.is_set_by_another,
        tls=_tls,
        doors=_doors(),
    ),
    description=_DESCRIPTION,
    workers=settings.workers,
    traffic={"timeout": settings.request_timeout + settings.drain_timeout},
    # BentoML's own metrics have the raw path as a label; its access log formats a line per request.
    metrics={"enabled": False},
    logging={"access": {"enabled": False}},
)
@bentoml.asgi_app(_operations, path="/", name="operations")
class Trident(Endpoints):
    """Trained Keras models behind HTTP and gRPC."""

    def __init__(self) -> None:
        self._running: list[asyncio.Task[NoReturn]] = []
        self._worker = str(bentoml.server_context.worker_index or 1)
        self._tracer = _make_tracer(self._worker)
        configure_logging(settings.log_format, settings.log_level, self._worker)
        if self._tracer is not None:
            _listeners.append(self._tracer)
        if settings.access_log:
            _listeners.append(AccessLog(settings.log_format, self._worker))
        _keyring.read_or_log()

    @bentoml.on_deployment
    @staticmethod
    def check() -> None:
        """Fail before a worker starts if no model can be served, or a port is in use."""
        configure_logging(settings.log_format, settings.log_level, worker=None)
        report_settings(settings, os.environ)
        check_open_files()
        make_room_for(settings.max_connections)
        check_room(settings.workers)
        if not settings.core_dumps:
            forbid_core_dumps()
        try:
            _keyring.read()
            read_models(settings.models)
        except (CorruptModelError, InvalidKeysError) as error:
            raise BentoMLConfigException(str(error)) from None
        for port in _ports:
            port.check_free()
        supervise(
            _ports,
            is_open=not (_keyring.is_set or settings.tls_client_ca),
            stop_grace=settings.stop_grace,
            drain_timeout=settings.drain_timeout,
        )

    @bentoml.on_startup
    async def start(self) -> None:
        """Start the worker."""
        shared, workers = metrics_folder("shared"), settings.workers
        _client_limits.join(shared, workers=workers, worker=int(self._worker))
        reporting = ProcessMetrics(self._worker, _engine.account).keep_written()
        looks = [_keyring.read_if_changed]
        if _certificates is not None:
            looks.append(_certificates.read_if_changed)
        self._running = [asyncio.create_task(one) for one in (reporting, look_again(looks))]
        await _lifecycle.start()

    @bentoml.on_shutdown
    async def stop(self) -> None:
        """Stop it when the calls in progress are answered; then write the buffered metrics."""
        await _lifecycle.stop()
        for task in self._running:
            task.cancel()
        flush_buffers()
        if self._tracer is not None:
            await asyncio.to_thread(self._tracer.close)
        _lifecycle.end_if_hung()

    async def __is_ready__(self) -> bool:
        """Tell BentoML's /readyz whether both protocols answer."""
        return _lifecycle.ready
