"""gRPC calls: the messages, some that must be refused, and the errors of failed calls."""

from collections.abc import Sequence
from typing import Any, Final

from loadtests.clients.answers import BadAnswerError
from service.api.trident import inference_pb2 as messages

BAD_CALLS: Final = (
    (messages.ClassifyRequest(images=[b"not an image"]), "INVALID_ARGUMENT"),
    (messages.ClassifyRequest(), "INVALID_ARGUMENT"),
    (
        messages.ClassifyRequest(images=[b"any"], model=messages.ModelChoice(name="nobody")),
        "NOT_FOUND",
    ),
)
"""Calls of Classify, and the status that each must be refused with."""


def make_request(task: str, inputs: Sequence[Any]) -> Any:
    """Return the request message for images (bytes) or texts."""
    if task == "sentiment":
        return messages.SentimentRequest(texts=inputs)
    message = messages.ClassifyRequest if task == "classify" else messages.EmbedRequest
    return message(images=inputs)


def retry_after(error: Any) -> str | None:
    """Return the seconds to wait before a failed call (grpc.RpcError) is repeated."""
    trailers = dict(error.trailing_metadata() or ())
    return trailers.get("retry-after")


def failure(error: Any) -> BadAnswerError:
    """Return a failed call's error without peer and time, so that equal errors look equal."""
    return BadAnswerError(f"{error.code().name}: {error.details()}")
