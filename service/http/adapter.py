"""Answering an endpoint's HTTP requests by the engine."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import orjson

from service.core.engine import Engine, Prediction, Timing
from service.core.errors import AbandonedError, InternalError, MalformedRequestError, TridentError
from service.core.exchange import Exchange, Listener, Observer
from service.http.body import read_body, unless_gone
from service.http.forms import Form, read_images, read_texts
from service.http.messages import HttpRequest, HttpResponse
from service.http.problems import STATUS, problem, problem_response


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A path's name in the metrics, the task behind it, and how its inputs are read."""

    name: str
    task: str
    read: Callable[[str, bytes, int], Awaitable[Form]]


ENDPOINTS: Final[dict[str, Endpoint]] = {
    "/classify": Endpoint("classify", "image_classification", read_images),
    "/sentiment": Endpoint("sentiment", "text_classification", read_texts),
    "/embed": Endpoint("embed", "image_embedding", read_images),
}
"""The endpoints by path."""


class HttpAdapter:
    """Answers HTTP requests to `ENDPOINTS`."""

    def __init__(
        self,
        engine: Engine,
        *,
        max_inputs: int,
        max_body_bytes: int,
        request_timeout: float,
        listeners: Sequence[Listener] = (),
    ) -> None:
        """Answer by `engine`; `request_timeout` is in seconds."""
        self._engine = engine
        self._observers = {
            path: Observer(f"POST {path}", endpoint.name, "http", listeners)
            for path, endpoint in ENDPOINTS.items()
        }
        self._max_inputs = max_inputs
        self._max_body_bytes = max_body_bytes
        self._request_timeout = request_timeout

    async def answer(self, request: HttpRequest) -> HttpResponse:
        """Answer a request to one of `ENDPOINTS`, by a problem document where it fails."""
        observer, header = self._observers[request.path], request.headers.get
        exchange = observer.begin(
            header("x-request-id"), header("traceparent"), header("tracestate")
        )
        try:
            response = await self._predict(request, exchange)
        except TridentError as error:
            observer.reject(exchange, error)
            response = problem_response(error)
        except asyncio.CancelledError:
            observer.end(exchange, str(STATUS[AbandonedError]))
            raise
        except Exception:
            observer.fail(exchange)
            response = problem_response(InternalError("The service failed, see its log."))
        response.headers["x-request-id"] = exchange.request_id
        observer.end(exchange, str(response.status))
        return response

    async def _predict(self, request: HttpRequest, exchange: Exchange) -> HttpResponse:
        endpoint = ENDPOINTS[request.path]
        body = await read_body(request.receive, request.headers, self._max_body_bytes)
        exchange.size = len(body)
        form = await endpoint.read(request.headers.get("content-type", ""), body, self._max_inputs)
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
