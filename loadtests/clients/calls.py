"""gRPC calls: the messages, some that must be refused, and what a failed call says."""

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
    """Return the message that asks about images (bytes) or texts."""
    if task == "sentiment":
        return messages.SentimentRequest(texts=inputs)
    message = messages.ClassifyRequest if task == "classify" else messages.EmbedRequest
    return message(images=inputs)


def retry_after(error: Any) -> str | None:
    """Return the seconds after which a failed call (grpc.RpcError) may be made again."""
    trailers = dict(error.trailing_metadata() or ())
    return trailers.get("retry-after")


def failure(error: Any) -> BadAnswerError:
    """Return a failed call without the peer and the time, by which no two would be alike."""
    return BadAnswerError(f"{error.code().name}: {error.details()}")
