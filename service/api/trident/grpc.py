"""Answering gRPC calls by the engine."""

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from operator import attrgetter
from typing import Any, Final

from google.protobuf.message import DecodeError

from service.api.trident import inference_pb2 as messages
from service.engine.engine import Engine
from service.errors import MalformedRequestError, TridentError
from service.prediction import Prediction
from service.tasks.image_classification import Classification
from service.tasks.image_embedding import Embedding
from service.tasks.text_classification import TextLabel
from service.telemetry.exchange import ExchangeListener, Observer
from service.transport.grpc.calls import Call, UnaryMethod
from service.transport.grpc.status import STATUS, CallError, StatusCode, retry_after

_DEADLINE_SLACK = 0.05  # seconds

SERVICE: Final[str] = messages.DESCRIPTOR.services_by_name["Inference"].full_name


# Messages are made from nested dictionaries: a message made of messages copies each of them, which
# took three times as long.
Fields = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Method:
    """A call: its name in the metrics, the task behind it, its messages and how they are read.

    A `result` goes into the field `result_field` of the response's own message for an input. A
    byte of a request becomes at most `growth` bytes in its inputs.
    """

    name: str
    task: str
    request: Any
    inputs: Callable[[Any], Sequence[Any]]
    response: Any
    result_field: str
    result: Callable[[Any], Fields]
    growth: int = 1


class GrpcAdapter:
    """Answers the calls of `METHODS`."""

    def __init__(
        self, engine: Engine, *, request_timeout: float, listeners: Sequence[ExchangeListener] = ()
    ) -> None:
        """Answer by `engine`, each call in at most `request_timeout` seconds."""
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
            f"/{SERVICE}/{name}": UnaryMethod(partial(self._answer, method), method.growth)
            for name, method in METHODS.items()
        }

    async def _answer(self, method: Method, call: Call, data: bytes) -> bytes:
        observer, metadata = self._observers[method.name], call.metadata.get
        exchange = observer.begin(
            metadata("x-request-id"), metadata("traceparent"), metadata("tracestate")
        )
        call.request_id, exchange.size = exchange.request_id, len(data)
        deadline = min(call.client_deadline, exchange.started + self._request_timeout)
        try:
            request = _parse(method, data)
            del data  # which would otherwise be there twice until the answer
            prediction = exchange.prediction = await self._predict(method, request, deadline)
        except TridentError as error:
            observer.reject(exchange, error)
            observer.end(exchange, STATUS[type(error)].name)
            raise CallError(STATUS[type(error)], str(error), retry_after(error)) from None
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
        response = method.response(
            results=[_result(method, outcome) for outcome in prediction.outcomes],
            model={"name": prediction.model, "version": prediction.version},
            timing=_timing(prediction),
        )
        return bytes(response.SerializeToString())

    async def _predict(self, method: Method, request: "ReadRequest", deadline: float) -> Prediction:
        prediction = await self._engine.predict(
            method.task,
            request.inputs,
            model=request.model,
            version=request.version,
            deadline=deadline,
        )
        _raise_only_error(prediction.outcomes)
        return prediction


@dataclass(slots=True)
class ReadRequest:
    """What a request says, without its message: that would keep a copy of all inputs."""

    inputs: list[Any]
    model: str | None
    version: int | None


def _parse(method: Method, data: bytes) -> ReadRequest:
    try:
        request = method.request.FromString(data)
    except DecodeError:
        raise MalformedRequestError(
            "The message can't be read: is all of its text UTF-8?"
        ) from None
    choice = request.model
    return ReadRequest(list(method.inputs(request)), choice.name or None, choice.version or None)


def _raise_only_error(outcomes: Sequence[Any]) -> None:
    """Fail the call if its one input failed; among several, each has its own outcome."""
    if len(outcomes) == 1 and isinstance(outcomes[0], TridentError):
        raise outcomes[0]


def _given_up(deadline: float) -> StatusCode:
    """Return why a call was cancelled: its client went, or its deadline passed.

    That deadline passes at the client first, which cancels the call a little before ours would.
    """
    expired = deadline - time.monotonic() <= _DEADLINE_SLACK
    return StatusCode.DEADLINE_EXCEEDED if expired else StatusCode.CANCELLED


def _timing(prediction: Prediction) -> Fields:
    timing = prediction.timing
    return {
        "decode_ms": timing.decode * 1e3,
        "queue_ms": timing.queue * 1e3,
        "inference_ms": timing.inference * 1e3,
    }


def _result(method: Method, outcome: Any) -> Fields:
    if isinstance(outcome, TridentError):
        return {"error": {"code": STATUS[type(outcome)].value, "message": str(outcome)}}
    return {method.result_field: method.result(outcome)}


def _classification(answer: Classification) -> Fields:
    return {"label": answer.label, "probability": answer.probability, "top": answer.top}


def _sentiment(answer: TextLabel) -> Fields:
    return {
        "label": answer.label,
        "score": answer.score,
        "probabilities": answer.probabilities,
        "truncated": answer.truncated,
    }


def _embedding(answer: Embedding) -> Fields:
    return {
        "values": answer.embedding.tolist(),
        "reconstruction_error": answer.reconstruction_error,
    }


METHODS: Final = {
    "Classify": Method(
        name="classify",
        task="image_classification",
        request=messages.ClassifyRequest,
        inputs=attrgetter("images"),
        response=messages.ClassifyResponse,
        result_field="classification",
        result=_classification,
    ),
    "Sentiment": Method(
        name="sentiment",
        task="text_classification",
        request=messages.SentimentRequest,
        inputs=attrgetter("texts"),
        response=messages.SentimentResponse,
        result_field="sentiment",
        result=_sentiment,
        # One character beyond U+FFFF makes all others of a text take four bytes in memory.
        growth=4,
    ),
    "Embed": Method(
        name="embed",
        task="image_embedding",
        request=messages.EmbedRequest,
        inputs=attrgetter("images"),
        response=messages.EmbedResponse,
        result_field="embedding",
        result=_embedding,
    ),
}
"""The calls of `trident.v1.Inference` by name."""
