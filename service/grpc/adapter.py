"""Answering gRPC calls by the engine."""

import logging
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import grpc

from service.core.engine import Engine, Prediction
from service.core.errors import OverloadedError, TridentError
from service.core.image_classification import Classification
from service.core.image_embedding import Embedding
from service.core.metrics import record_request
from service.core.text_classification import TextLabel
from service.grpc import inference_pb2 as messages
from service.grpc import inference_pb2_grpc
from service.grpc.status import STATUS, status_number

logger = logging.getLogger(__name__)

Context = grpc.aio.ServicerContext[Any, Any]


@dataclass(frozen=True, slots=True)
class _Method:
    """A call's name in the metrics, the task behind it, and how its answer is written."""

    name: str
    task: str
    response: Callable[..., Any]
    result: Callable[[Any], Any]


class InferenceServicer(inference_pb2_grpc.InferenceServicer):
    """`trident.v1.Inference`."""

    def __init__(self, engine: Engine, *, request_timeout: float) -> None:
        """Answer by `engine`, each call in at most `request_timeout` seconds."""
        self._engine = engine
        self._request_timeout = request_timeout

    async def Classify(  # noqa: N802 - the name is the protocol's
        self, request: messages.ClassifyRequest, context: Context
    ) -> messages.ClassifyResponse:
        """Classify images."""
        response: messages.ClassifyResponse = await self._answer(
            _CLASSIFY, request, request.images, context
        )
        return response

    async def Sentiment(  # noqa: N802 - the name is the protocol's
        self, request: messages.SentimentRequest, context: Context
    ) -> messages.SentimentResponse:
        """Judge texts."""
        response: messages.SentimentResponse = await self._answer(
            _SENTIMENT, request, request.texts, context
        )
        return response

    async def Embed(  # noqa: N802 - the name is the protocol's
        self, request: messages.EmbedRequest, context: Context
    ) -> messages.EmbedResponse:
        """Embed images."""
        response: messages.EmbedResponse = await self._answer(
            _EMBED, request, request.images, context
        )
        return response

    async def _answer(
        self, method: _Method, request: Any, inputs: Sequence[Any], context: Context
    ) -> Any:
        started = time.monotonic()
        try:
            prediction = await self._engine.predict(
                method.task,
                inputs,
                model=request.model.name or None,
                version=request.model.version or None,
                deadline=started + self._seconds_left(context),
            )
            _raise_only_error(prediction.outcomes)
        except TridentError as error:
            _record(method.name, STATUS[type(error)], started)
            await context.abort(STATUS[type(error)], str(error), _trailers(error))
        except Exception:
            logger.exception("a %s call failed", method.name)
            _record(method.name, grpc.StatusCode.INTERNAL, started)
            await context.abort(grpc.StatusCode.INTERNAL, "The service failed, see its log.")
        _record(method.name, grpc.StatusCode.OK, started)
        return method.response(
            results=[method.result(outcome) for outcome in prediction.outcomes],
            model=messages.ModelIdentity(name=prediction.model, version=prediction.version),
            timing=_timing(prediction),
        )

    def _seconds_left(self, context: Context) -> float:
        remaining = context.time_remaining()
        return self._request_timeout if remaining is None else min(remaining, self._request_timeout)


def _raise_only_error(outcomes: Sequence[Any]) -> None:
    """Fail the call if its one input failed; among several, each has its own outcome."""
    if len(outcomes) == 1 and isinstance(outcomes[0], TridentError):
        raise outcomes[0]


def _record(endpoint: str, status: grpc.StatusCode, started: float) -> None:
    record_request(endpoint, "grpc", status.name, time.monotonic() - started)


def _trailers(error: TridentError) -> tuple[tuple[str, str], ...]:
    if isinstance(error, OverloadedError):
        return (("retry-after", str(max(1, math.ceil(error.retry_after)))),)
    return ()


def _timing(prediction: Prediction) -> messages.Timing:
    timing = prediction.timing
    return messages.Timing(
        decode_ms=timing.decode * 1e3,
        queue_ms=timing.queue * 1e3,
        inference_ms=timing.inference * 1e3,
    )


def _error(error: TridentError) -> messages.Error:
    return messages.Error(code=status_number(error), message=str(error))


def _classify_result(outcome: Classification | TridentError) -> messages.ClassifyResult:
    if isinstance(outcome, TridentError):
        return messages.ClassifyResult(error=_error(outcome))
    top = [messages.LabelProbability(**likely) for likely in outcome.top]
    return messages.ClassifyResult(
        classification=messages.Classification(
            label=outcome.label, probability=outcome.probability, top=top
        )
    )


def _sentiment_result(outcome: TextLabel | TridentError) -> messages.SentimentResult:
    if isinstance(outcome, TridentError):
        return messages.SentimentResult(error=_error(outcome))
    return messages.SentimentResult(
        sentiment=messages.SentimentLabel(
            label=outcome.label,
            score=outcome.score,
            probabilities=outcome.probabilities,
            truncated=outcome.truncated,
        )
    )


def _embed_result(outcome: Embedding | TridentError) -> messages.EmbedResult:
    if isinstance(outcome, TridentError):
        return messages.EmbedResult(error=_error(outcome))
    return messages.EmbedResult(
        embedding=messages.Embedding(
            values=outcome.embedding.tolist(), reconstruction_error=outcome.reconstruction_error
        )
    )


_CLASSIFY = _Method("classify", "image_classification", messages.ClassifyResponse, _classify_result)
_SENTIMENT = _Method(
    "sentiment", "text_classification", messages.SentimentResponse, _sentiment_result
)
_EMBED = _Method("embed", "image_embedding", messages.EmbedResponse, _embed_result)
