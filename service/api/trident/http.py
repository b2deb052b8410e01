"""Answering an endpoint's HTTP requests by the engine."""

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import orjson

from service.admission import Reservation
from service.api.problems import STATUS, problem, problem_response
from service.api.reading.body import BodyReader, unless_gone
from service.api.reading.forms import Form, read_images, read_texts
from service.engine.engine import Engine
from service.errors import AbandonedError, InternalError, MalformedRequestError, TridentError
from service.prediction import Prediction, Timing
from service.telemetry.exchange import Exchange, ExchangeListener, Observer
from service.transport.http1.request import HttpRequest, HttpResponse


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A path's name in the metrics, the task behind it, and how its inputs are read.

    A byte of a body becomes at most `growth` bytes in the inputs.
    """

    name: str
    task: str
    read: Callable[[str, bytes, int], Form]
    growth: int


ENDPOINTS: Final[dict[str, Endpoint]] = {
    "/classify": Endpoint("classify", "image_classification", read_images, 1),
    # One character beyond U+FFFF makes all others of a text take four bytes in memory.
    "/sentiment": Endpoint("sentiment", "text_classification", read_texts, 4),
    "/embed": Endpoint("embed", "image_embedding", read_images, 1),
}
"""The endpoints by path."""

_PATHS: Final = {path.encode(): path for path in ENDPOINTS}


class HttpAdapter:
    """Answers HTTP requests to `ENDPOINTS`."""

    def __init__(
        self,
        engine: Engine,
        *,
        max_inputs: int,
        max_body_bytes: int,
        request_timeout: float,
        listeners: Sequence[ExchangeListener] = (),
    ) -> None:
        """Answer by `engine`; `request_timeout` is in seconds."""
        self._engine = engine
        self._observers = {
            path: Observer(f"POST {path}", endpoint.name, "http", listeners)
            for path, endpoint in ENDPOINTS.items()
        }
        self._max_inputs = max_inputs
        self._bodies = BodyReader(max_body_bytes, request_timeout)
        self._request_timeout = request_timeout

    def path_of(self, url: bytes) -> str | None:
        """Return the path of a URL without its query, if it is an endpoint's."""
        return _PATHS.get(url)

    def try_reserve(self, path: str, size: int) -> Reservation | None:
        """Take room for a body of `size` bytes, or return None if there is none now."""
        reservation = Reservation(self._engine.account)
        return reservation if reservation.try_reserve(size * ENDPOINTS[path].growth) else None

    async def answer(self, request: HttpRequest) -> HttpResponse:
        """Answer a request to one of `ENDPOINTS`, by a problem document where it fails."""
        observer, header = self._observers[request.path], request.headers.get
        exchange = observer.begin(
            header("x-request-id"), header("traceparent"), header("tracestate")
        )
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
        response.headers["x-request-id"] = exchange.request_id
        observer.end(exchange, str(response.status))
        return response

    async def _predict(
        self, request: HttpRequest, exchange: Exchange, reservation: Reservation
    ) -> HttpResponse:
        endpoint = ENDPOINTS[request.path]
        form = await self._read_form(endpoint, request, exchange, reservation)
        predicting = self._engine.predict(
            endpoint.task,
            form.inputs,
            model=request.query.get("model"),
            version=_version(request.query.get("version")),
            deadline=exchange.started + self._request_timeout,
        )
        if not request.cancelled_when_gone:
            predicting = unless_gone(predicting, request.receive)
        prediction = exchange.prediction = await predicting
        if form.is_list:
            for error in prediction.errors:
                self._observers[request.path].reject(exchange, error)
        headers = {
            "content-type": "application/json",
            "server-timing": _server_timing(prediction.timing),
        }
        return HttpResponse(200, _dump(_content(prediction, form)), headers)

    async def _read_form(
        self, endpoint: Endpoint, request: HttpRequest, exchange: Exchange, reservation: Reservation
    ) -> Form:
        """Read the inputs. The request's time runs from the end of its body."""
        body = await self._bodies.read(request, reservation, endpoint.growth)
        exchange.started, exchange.size = time.monotonic(), len(body)
        body = await self._bodies.decode(body, request, reservation, endpoint.growth)
        return endpoint.read(request.headers.get("content-type", ""), body, self._max_inputs)


def _dump(content: Any) -> bytes:
    return orjson.dumps(content, option=orjson.OPT_SERIALIZE_NUMPY)


def _content(prediction: Prediction, form: Form) -> Any:
    if form.is_list:
        return [_result(outcome, prediction) for outcome in prediction.outcomes]
    outcome = prediction.outcomes[0]
    if isinstance(outcome, TridentError):
        raise outcome
    return _result(outcome, prediction)


def _result(outcome: Any, prediction: Prediction) -> dict[str, Any]:
    if isinstance(outcome, TridentError):
        return problem(outcome)
    result = {name: getattr(outcome, name) for name in outcome.__slots__}
    result["model"] = prediction.model
    result["version"] = prediction.version
    return result


def _server_timing(timing: Timing) -> str:
    """Return the Server-Timing header; its durations are in milliseconds."""
    return (
        f"decode;dur={timing.decode * 1e3:.3f}, queue;dur={timing.queue * 1e3:.3f}, "
        f"inference;dur={timing.inference * 1e3:.3f}"
    )


def _version(value: str | None) -> int | None:
    if value is None:
        return None
    if not (value.isascii() and value.isdecimal()) or len(value) > 9:
        raise MalformedRequestError("?version= must be a whole number, for instance 1.")
    return int(value)
