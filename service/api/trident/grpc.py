"""Answering gRPC calls with the engine."""

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

from google.protobuf.message import DecodeError

from service.api.endpoints import BY_NAME, ENDPOINTS
from service.api.pictures import in_thread
from service.api.reading.forms import READERS
from service.api.trident import inference_pb2 as messages
from service.api.trident.grpc_answers import result_fields, timing_fields
from service.api.trident.grpc_samples import read_samples
from service.api.trident.grpc_tensors import read_tensors
from service.engine.batcher import DEADLINE_SLACK
from service.engine.engine import Engine
from service.engine.registry import ModelChoice
from service.errors import MalformedRequestError, OverloadedError, TridentError
from service.prediction import Prediction
from service.tasks.kinds import KINDS, Input
from service.telemetry.exchange import Exchange, ExchangeListener, Observer, sane_request_id
from service.transport.grpc.call import Call
from service.transport.grpc.status import STATUS, CallError, StatusCode, call_error
from service.transport.grpc.unary import UnaryMethod

_MOST_READ_TWICE: Final = 64 * 1024  # bytes of a message

_DESCRIPTOR: Final = messages.DESCRIPTOR.services_by_name["Inference"]
SERVICE: Final[str] = _DESCRIPTOR.full_name


@dataclass(frozen=True, slots=True)
class Inputs:
    """How a message holds the inputs of one kind.

    It has them in `field`, from which `read` makes a list; errors call them by `words`. A message
    without that field is itself what `read` reads.
    """

    field: str
    words: str
    read: Callable[[Any], list[Any]] = list


_INPUTS: Final[dict[Input, Inputs]] = {
    "image": Inputs("images", "images"),
    "text": Inputs("texts", "texts"),
    "tensors": Inputs("inputs", "arrays", lambda arrays: [read_tensors(arrays)]),
    "sample": Inputs("samples", "samples", read_samples),
}


@dataclass(frozen=True, slots=True)
class Method:
    """A call: its name in the metrics, its messages, and the kind of models that it is for.

    Without a kind the model must be named, and its own kind says what the inputs are.
    """

    name: str
    request: Any
    response: Any
    kind: str | None = None


class GrpcAdapter:
    """Answers the calls of `METHODS`."""

    def __init__(
        self, engine: Engine, *, request_timeout: float, listeners: Sequence[ExchangeListener] = ()
    ) -> None:
        """Answer with `engine`, each call in at most `request_timeout` seconds."""
        self._engine = engine
        self._observers = {
            method.name: Observer(f"{SERVICE}/{name}", method.name, "grpc", listeners)
            for name, method in METHODS.items()
        }
        self._request_timeout = request_timeout

    @property
    def unary(self) -> dict[str, UnaryMethod]:
        """The methods of `trident.v1.Inference`, by path."""
        return {
            f"/{SERVICE}/{name}": UnaryMethod(
                partial(self._answer, method), _growth(method), partial(self._refuse, method)
            )
            for name, method in METHODS.items()
        }

    def _refuse(self, method: Method, call: Call, data: bytes) -> CallError | None:
        """Return the failure of a call that is refused before its inputs are read, else None."""
        if not self._engine.is_congested or len(data) > _MOST_READ_TWICE:
            return None
        call.request_id = sane_request_id(call.metadata.get("x-request-id"))
        try:
            key = call.metadata.get("x-canary-key") or call.request_id
            request = self._parse(method, data, key)
            self._engine.check_congested(request.kind, request.choice)
        except OverloadedError as error:
            observer = self._observers[method.name]
            exchange = self._begin(observer, call, len(data))
            observer.reject(exchange, error)
            observer.end(exchange, STATUS[OverloadedError].name)
            return call_error(error)
        except TridentError:  # `_answer` raises it again, and reports it
            pass
        return None

    def _begin(self, observer: Observer, call: Call, size: int) -> Exchange:
        metadata = call.metadata.get
        request_id = call.request_id or metadata("x-request-id")
        exchange = observer.begin(request_id, metadata("traceparent"), call.caller)
        call.request_id, exchange.size = exchange.request_id, size
        return exchange

    async def _answer(self, method: Method, call: Call, data: bytes) -> bytes:
        observer, metadata = self._observers[method.name], call.metadata.get
        exchange = self._begin(observer, call, len(data))
        deadline = min(call.client_deadline, exchange.started + self._request_timeout)
        try:
            key = metadata("x-canary-key") or exchange.request_id
            request = self._parse(method, data, key)
            del data  # otherwise memory holds the inputs twice until the answer
            prediction = exchange.prediction = await self._predict(request, deadline)
            write = partial(_response, method, prediction)
            makes_pictures = KINDS[request.kind].makes_pictures
            response = await in_thread(write) if makes_pictures else write()
        except TridentError as error:
            observer.reject(exchange, error)
            observer.end(exchange, STATUS[type(error)].name)
            raise call_error(error) from None
        except asyncio.CancelledError:
            observer.end(exchange, _given_up(deadline).name)
            raise
        except Exception:
            observer.fail(exchange)
            observer.end(exchange, StatusCode.INTERNAL.name)
            raise CallError(StatusCode.INTERNAL, "The service failed, see its log.") from None
        if len(prediction.outcomes) > 1:
            for refusal in prediction.errors:
                observer.reject(exchange, refusal)
        observer.end(exchange, StatusCode.OK.name)
        return response

    def _parse(self, method: Method, data: bytes, key: str) -> "ReadRequest":
        try:
            request = method.request.FromString(data)
        except DecodeError:
            raise MalformedRequestError(
                "The message can't be read: send the method's own message, with text in UTF-8."
            ) from None
        model = request.model
        choice = ModelChoice(model.name or None, model.version or None, model.label or None, key)
        if method.kind is not None:
            inputs = _INPUTS[KINDS[method.kind].input]
            content = getattr(request, inputs.field, request)
            return ReadRequest(inputs.read(content), method.kind, choice)
        if choice.name is None:
            raise MalformedRequestError("The request names no model: set `model.name`.")
        kind = self._engine.kind_of(choice)
        return ReadRequest(_only_inputs(request, KINDS[kind].input), kind, choice)

    async def _predict(self, request: "ReadRequest", deadline: float) -> Prediction:
        prediction = await self._engine.predict(
            request.kind, request.inputs, request.choice, deadline=deadline
        )
        _raise_only_error(prediction.outcomes)
        return prediction


@dataclass(slots=True)
class ReadRequest:
    """What a request contains. The message itself isn't kept: it has a copy of all inputs."""

    inputs: list[Any]
    kind: str
    choice: ModelChoice


def _only_inputs(request: Any, wanted: Input) -> list[Any]:
    """Return the inputs of a request that has a field for each kind of input."""
    given = {field.name for field, _ in request.ListFields()}
    taken = _INPUTS[wanted]
    for inputs in _INPUTS.values():
        if inputs is not taken and inputs.field in given:
            raise MalformedRequestError(
                f"{request.model.name} takes {taken.words}: the request holds {inputs.words}."
            )
    return taken.read(getattr(request, taken.field))


def _response(method: Method, prediction: Prediction) -> bytes:
    response = method.response(
        results=[result_fields(outcome) for outcome in prediction.outcomes],
        model={"name": prediction.model, "version": prediction.version},
        timing=timing_fields(prediction),
    )
    return bytes(response.SerializeToString())


def _raise_only_error(outcomes: Sequence[Any]) -> None:
    """Fail the call if its only input failed. Of several inputs, each has its own outcome."""
    if len(outcomes) == 1 and isinstance(outcomes[0], TridentError):
        raise outcomes[0]


def _given_up(deadline: float) -> StatusCode:
    """Return why a call was cancelled: its client disconnected, or its deadline passed.

    The deadline passes at the client first, so the client may cancel the call before we do.
    """
    expired = deadline - time.monotonic() <= DEADLINE_SLACK
    return StatusCode.DEADLINE_EXCEEDED if expired else StatusCode.CANCELLED


def _growth(method: Method) -> int:
    """Return the most bytes that a byte of a request becomes in its inputs.

    An array is sent in as many bytes as it has.
    """
    if method.kind is None:
        return max(READERS["image"].growth, READERS["text"].growth)
    return READERS[KINDS[method.kind].input].growth


def _methods() -> dict[str, Method]:
    """Return the methods: one for each endpoint that the proto has, and `Predict`."""
    kinds = {endpoint.name: endpoint.kind for endpoint in ENDPOINTS} | {BY_NAME: None}
    return {
        method: Method(
            method.lower(),
            getattr(messages, f"{method}Request"),
            getattr(messages, f"{method}Response"),
            kinds[method.lower()],
        )
        for method in _DESCRIPTOR.methods_by_name
    }


METHODS: Final = _methods()
"""The calls of `trident.v1.Inference` by name."""
