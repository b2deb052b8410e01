"""Answering gRPC calls by the engine."""

import asyncio
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from operator import attrgetter
from typing import Any, Final

import grpc
from google.protobuf.message import DecodeError

from service.core.engine import Engine, Prediction
from service.core.errors import MalformedRequestError, OverloadedError, TridentError
from service.core.exchange import Exchange, Listener, Observer
from service.core.image_classification import Classification
from service.core.image_embedding import Embedding
from service.core.text_classification import TextLabel
from service.grpc import inference_pb2 as messages
from service.grpc.status import STATUS, status_number

_DEADLINE_SLACK = 0.05  # seconds

Context = grpc.aio.ServicerContext[Any, Any]

SERVICE: Final[str] = messages.DESCRIPTOR.services_by_name["Inference"].full_name


# Messages are made from nested dictionaries: a message made of messages copies each of them, which
# took three times as long.
Fields = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Method:
    """A call: its name in the metrics, the task behind it, its messages and how they are read.

    A `result` goes into the field `result_field` of the response's own message for an input.
    """

    name: str
    task: str
    request: Any
    inputs: Callable[[Any], Sequence[Any]]
    response: Any
    result_field: str
    result: Callable[[Any], Fields]


class GrpcAdapter:
    """Answers the calls of `METHODS`."""

    def __init__(
        self, engine: Engine, *, request_timeout: float, listeners: Sequence[Listener] = ()
    ) -> None:
        """Answer by `engine`, each call in at most `request_timeout` seconds."""
        self._engine = engine
        self._observers = {
            method.name: Observer(f"{SERVICE}/{name}", method.name, "grpc", listeners)
            for name, method in METHODS.items()
        }
        self._request_timeout = request_timeout

    def handlers(self) -> "grpc.GenericRpcHandler[Any, Any]":
        """Return what a server needs to answer `trident.v1.Inference`."""
        handlers = {
            name: grpc.unary_unary_rpc_method_handler(
                partial(self._answer, method),
                request_deserializer=partial(_parse, method.request),
                response_serializer=method.response.SerializeToString,
            )
            for name, method in METHODS.items()
        }
        return grpc.method_handlers_generic_handler(SERVICE, handlers)

    async def _answer(self, method: Method, request: Any, context: Context) -> Any:
        observer, metadata = self._observers[method.name], dict(context.invocation_metadata() or ())
        exchange = observer.begin(
            metadata.get("x-request-id"), metadata.get("traceparent"), metadata.get("tracestate")
        )
        context.set_trailing_metadata((("x-request-id", exchange.request_id),))
        try:
            if observer.has_listeners and request is not None:
                exchange.size = request.ByteSize()
            deadline = exchange.started + self._left(context)
            prediction = exchange.prediction = await self._predict(method, request, deadline)
        except TridentError as error:
            observer.reject(exchange, error)
            observer.end(exchange, STATUS[type(error)].name)
            await context.abort(STATUS[type(error)], str(error), _trailers(exchange, error))
        except asyncio.CancelledError:
            observer.end(exchange, _given_up(context).name)
            raise
        except Exception:
            observer.fail(exchange)
            observer.end(exchange, grpc.StatusCode.INTERNAL.name)
            await context.abort(grpc.StatusCode.INTERNAL, "The service failed, see its log.")
        if len(prediction.outcomes) > 1:
            for refusal in prediction.errors:
                observer.reject(exchange, refusal)
        observer.end(exchange, grpc.StatusCode.OK.name)
        return method.response(
            results=[_result(method, outcome) for outcome in prediction.outcomes],
            model={"name": prediction.model, "version": prediction.version},
            timing=_timing(prediction),
        )

    async def _predict(self, method: Method, request: Any, deadline: float) -> Prediction:
        if request is None:
            raise MalformedRequestError("The message can't be read: is all of its text UTF-8?")
        prediction = await self._engine.predict(
            method.task,
            method.inputs(request),
            model=request.model.name or None,
            version=request.model.version or None,
            deadline=deadline,
        )
        _raise_only_error(prediction.outcomes)
        return prediction

    def _left(self, context: Context) -> float:
        """Return the seconds that the call may take."""
        remaining = context.time_remaining()
        return self._request_timeout if remaining is None else min(remaining, self._request_timeout)


def _parse(message: Any, data: bytes) -> Any:
    """Return the message, or None: gRPC itself would call a bad one an unknown error."""
    try:
        return message.FromString(data)
    except DecodeError:
        return None


def _raise_only_error(outcomes: Sequence[Any]) -> None:
    """Fail the call if its one input failed; among several, each has its own outcome."""
    if len(outcomes) == 1 and isinstance(outcomes[0], TridentError):
        raise outcomes[0]


def _given_up(context: Context) -> grpc.StatusCode:
    """Return why a call was cancelled: its client went, or the client's deadline passed.

    That deadline passes at the client first, which cancels the call a little before ours would.
    """
    remaining = context.time_remaining()
    expired = remaining is not None and remaining <= _DEADLINE_SLACK
    return grpc.StatusCode.DEADLINE_EXCEEDED if expired else grpc.StatusCode.CANCELLED


def _trailers(exchange: Exchange, error: TridentError) -> tuple[tuple[str, str], ...]:
    trailers = (("x-request-id", exchange.request_id),)
    if isinstance(error, OverloadedError):
        return (*trailers, ("retry-after", str(max(1, math.ceil(error.retry_after)))))
    return trailers


def _timing(prediction: Prediction) -> Fields:
    timing = prediction.timing
    return {
        "decode_ms": timing.decode * 1e3,
        "queue_ms": timing.queue * 1e3,
        "inference_ms": timing.inference * 1e3,
    }


def _result(method: Method, outcome: Any) -> Fields:
    if isinstance(outcome, TridentError):
        return {"error": {"code": status_number(outcome), "message": str(outcome)}}
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
