"""Answering Trident's HTTP requests with the engine.

A POST to an endpoint's path is answered by the default model of its task, or by the one that
`?model=`, `?version=` and `?label=` name. A POST to `/models/NAME`, `/models/NAME/versions/N` or
`/models/NAME/labels/LABEL` is answered by that model; its body has the forms of the model's task.
"""

import asyncio
import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Final
from urllib.parse import urlencode

from service.admission import Reservation
from service.api.answers import answer_json, dump
from service.api.endpoints import BY_NAME, ENDPOINTS, MOST_VERSION
from service.api.pictures import PNG, encode_png, in_thread, sheet
from service.api.problems import STATUS, problem_response
from service.api.reading.accept import prefers
from service.api.reading.body import BodyReader, unless_gone
from service.api.reading.forms import READERS, Form, Reader
from service.api.reading.samples import FORM
from service.engine.engine import Engine
from service.engine.registry import ModelChoice
from service.errors import (
    AbandonedError,
    InternalError,
    MalformedRequestError,
    OverloadedError,
    TridentError,
    UnknownModelError,
)
from service.prediction import Prediction, Timing
from service.tasks.kinds import KINDS
from service.telemetry.exchange import Exchange, ExchangeListener, Observer, sane_request_id
from service.transport.http1.request import HttpRequest, HttpResponse

_JSON: Final = "application/json"

_MODEL_PATH: Final = re.compile(
    r"/models/(?!reload\Z)([A-Za-z0-9][A-Za-z0-9_.-]*)"
    r"(?:/versions/([0-9]{1,9})|/labels/([A-Za-z][A-Za-z0-9_-]*))?"
)
"""The path of a model, of one of its versions or labels; `/models/reload` is another endpoint."""


@dataclass(frozen=True, slots=True)
class Target:
    """Which model a path is for, and how its inputs are read.

    A model's path makes the choice, an endpoint's path doesn't.
    """

    observer: Observer
    kind: str
    reader: Reader
    choice: ModelChoice | None = None


class HttpAdapter:
    """Answers HTTP requests to the endpoints, and to models by name."""

    def __init__(
        self,
        engine: Engine,
        *,
        max_inputs: int,
        max_body_bytes: int,
        request_timeout: float,
        listeners: Sequence[ExchangeListener] = (),
    ) -> None:
        """Answer with `engine`; `request_timeout` is in seconds."""
        self._engine = engine
        self._endpoints = {
            endpoint.path: Target(
                Observer(f"POST {endpoint.path}", endpoint.name, "http", listeners),
                endpoint.kind,
                READERS[KINDS[endpoint.kind].input],
            )
            for endpoint in ENDPOINTS
        }
        self._by_name = Observer("POST /models/NAME", BY_NAME, "http", listeners)
        self._max_inputs = max_inputs
        self._bodies = BodyReader(max_body_bytes, request_timeout)
        self._request_timeout = request_timeout

    def path_of(self, url: bytes) -> str | None:
        """Return the path of a URL (without query) if a POST to it is answered here, else None."""
        path = _PATHS.get(url)
        if path is None and url.startswith(b"/models/"):
            named = url.decode("latin-1")
            return named if _MODEL_PATH.fullmatch(named) else None
        return path

    def refuse(
        self, path: str, query: Mapping[str, str], headers: Mapping[str, str], caller: str
    ) -> HttpResponse | None:
        """Return the answer of a request that is refused before its body is read, else None."""
        if not self._engine.is_congested:
            return None
        request_id = sane_request_id(headers.get("x-request-id"))
        try:
            target = self._target(path)
            choice = _choice(target, query, headers.get("x-canary-key") or request_id)
            self._engine.check_congested(target.kind, choice)
        except OverloadedError as error:
            exchange = _begin(target.observer, request_id, headers, caller)
            target.observer.reject(exchange, error)
            return _end(target.observer, exchange, problem_response(error))
        except TridentError:  # `answer` raises it again, and reports it
            pass
        return None

    def try_reserve(self, path: str, size: int) -> Reservation | None:
        """Reserve memory for a body of `size` bytes, or return None if there isn't enough now."""
        reservation = Reservation(self._engine.account)
        try:
            growth = self._target(path).reader.growth
        except TridentError:  # `answer` raises it again, and reports it
            growth = 1
        return reservation if reservation.try_reserve(size * growth) else None

    async def answer(self, request: HttpRequest) -> HttpResponse:
        """Answer a POST; errors are problem documents."""
        known = self._endpoints.get(request.path)
        observer = known.observer if known else self._by_name
        request_id = request.headers.get("x-request-id")
        exchange = _begin(observer, request_id, request.headers, request.caller)
        reservation = request.reservation or Reservation(self._engine.account)
        try:
            response = await self._predict(request, exchange, reservation)
        except TridentError as error:
            observer.reject(exchange, error)
            response = problem_response(error)
        except asyncio.CancelledError:
            observer.end(exchange, str(STATUS[AbandonedError]))
            raise
        except Exception:
            observer.fail(exchange)
            response = problem_response(InternalError("The service failed, see its log."))
        finally:
            reservation.release()
        return _end(observer, exchange, response)

    async def _predict(
        self, request: HttpRequest, exchange: Exchange, reservation: Reservation
    ) -> HttpResponse:
        target = self._target(request.path)
        form = await self._read_form(target.reader, request, exchange, reservation)
        key = request.headers.get("x-canary-key") or exchange.request_id
        predicting = self._engine.predict(
            target.kind,
            form.inputs,
            _choice(target, request.query, key),
            deadline=exchange.started + self._request_timeout,
        )
        if not request.cancelled_when_gone:
            predicting = unless_gone(predicting, request.receive)
        prediction = exchange.prediction = await predicting
        if form.is_list:
            for error in prediction.errors:
                target.observer.reject(exchange, error)
        if not KINDS[target.kind].makes_pictures:
            return _in_json(prediction, form)
        is_png = prefers(request.headers.get("accept", ""), PNG, _JSON)
        return await in_thread(partial(_as_png if is_png else _in_json, prediction, form))

    def _target(self, path: str) -> Target:
        """Return the target of a path. Raises UnknownModelError, NotReadyError."""
        return self._endpoints.get(path) or self._target_by_name(path)

    def _target_by_name(self, path: str) -> Target:
        match = _MODEL_PATH.fullmatch(path)
        if match is None:
            raise UnknownModelError(
                "No model has this path: send to /models/NAME, /models/NAME/versions/N or "
                "/models/NAME/labels/LABEL."
            )
        name, number, label = match.groups()
        choice = ModelChoice(name, None if number is None else int(number), label)
        kind = self._engine.kind_of(choice)
        return Target(self._by_name, kind, READERS[KINDS[kind].input], choice)

    async def _read_form(
        self, reader: Reader, request: HttpRequest, exchange: Exchange, reservation: Reservation
    ) -> Form:
        """Read the inputs. The request's time-out counts from the end of its body."""
        body = await self._bodies.read(request, reservation, reader.growth)
        exchange.started, exchange.size = time.monotonic(), len(body)
        body = await self._bodies.decode(body, request, reservation, reader.growth)
        content_type = request.headers.get("content-type", "")
        named = {name: request.query[name] for name in reader.parameters if name in request.query}
        if named:
            if body:
                raise MalformedRequestError(
                    f"The URL and the body both say what is wanted: leave ?{min(named)}= out, or "
                    "send no body."
                )
            content_type, body = FORM, urlencode(named).encode()
        return reader.read(content_type, body, self._max_inputs)


def _begin(
    observer: Observer, request_id: str | None, headers: Mapping[str, str], caller: str
) -> Exchange:
    return observer.begin(request_id, headers.get("traceparent"), caller)


def _end(observer: Observer, exchange: Exchange, response: HttpResponse) -> HttpResponse:
    response.headers["x-request-id"] = exchange.request_id
    observer.end(exchange, str(response.status))
    return response


def _choice(target: Target, query: Mapping[str, str], key: str) -> ModelChoice:
    """Return the model that a request asks for; `key` decides whether the canary answers.

    Where ?label= says what a generator shall make, it can't be a version label.

    Raises:
        MalformedRequestError: the version isn't a number, or the path names the model already.
    """
    choice = target.choice
    label = None if "label" in target.reader.parameters else query.get("label")
    if choice is None:
        choice = ModelChoice(query.get("model"), _version(query.get("version")), label)
    elif label is not None or not query.keys().isdisjoint(("model", "version")):
        raise MalformedRequestError(
            "The path already names the model: remove ?model=, ?version= and ?label=. To choose "
            "a version, send to /models/NAME/versions/N or /models/NAME/labels/LABEL."
        )
    choice.key = key
    return choice


def _in_json(prediction: Prediction, form: Form) -> HttpResponse:
    return _success(_JSON, dump(_content(prediction, form)), prediction)


def _as_png(prediction: Prediction, _: Form) -> HttpResponse:
    """Return one PNG of all pictures; what JSON would say besides is in headers."""
    for error in prediction.errors:
        raise error
    pictures = [answer.image.pixels for answer in prediction.outcomes]
    response = _success(PNG, encode_png(sheet(pictures)), prediction)
    response.headers["x-seed"] = str(prediction.outcomes[0].seed)
    response.headers["x-model"] = prediction.model
    response.headers["x-model-version"] = str(prediction.version)
    return response


def _success(content_type: str, body: bytes, prediction: Prediction) -> HttpResponse:
    timing = _server_timing(prediction.timing)
    return HttpResponse(200, body, {"content-type": content_type, "server-timing": timing})


def _content(prediction: Prediction, form: Form) -> Any:
    if form.is_list:
        return [answer_json(outcome, prediction) for outcome in prediction.outcomes]
    outcome = prediction.outcomes[0]
    if isinstance(outcome, TridentError):
        raise outcome
    return answer_json(outcome, prediction)


def _server_timing(timing: Timing) -> str:
    """Return the Server-Timing header; its durations are in milliseconds."""
    return (
        f"decode;dur={timing.decode * 1e3:.3f}, queue;dur={timing.queue * 1e3:.3f}, "
        f"inference;dur={timing.inference * 1e3:.3f}"
    )


def _version(value: str | None) -> int | None:
    if value is None:
        return None
    if not (value.isascii() and value.isdecimal()) or len(value) > len(str(MOST_VERSION)):
        raise MalformedRequestError(
            f"?version= must be a whole number up to {MOST_VERSION}, for instance 1."
        )
    return int(value)


_PATHS: Final = {endpoint.path.encode(): endpoint.path for endpoint in ENDPOINTS}
