"""The errors a caller can meet. Each adapter maps them to its protocol in one place."""

import math
from pathlib import Path
from typing import Final, Literal

from pydantic import ValidationError

Refusal = Literal["queue", "deadline", "memory", "client", "connections"]
"""Why a request is too much: the model's queue is too long, or longer than its deadline allows;
the memory is used up; the caller has a limit of its own; or too many connections are open."""


class TridentError(Exception):
    """An expected failure. Its message is shown to the caller and says what to change."""

    title = "The request failed"


class MalformedRequestError(TridentError):
    """The request doesn't have the documented form."""

    title = "Malformed request"


class UnauthorizedError(TridentError):
    """The call needs a key, or has one that the service doesn't know."""

    title = "Unauthorized"


class ForbiddenError(TridentError):
    """The key doesn't give the right that the call needs, or the administration is turned off."""

    title = "Forbidden"


class UnknownModelError(TridentError):
    """No model of that name or version serves the task."""

    title = "Unknown model"


class UnknownPathError(TridentError):
    """There is nothing at this path."""

    title = "Unknown path"


class MethodNotAllowedError(TridentError):
    """The path doesn't take this method."""

    title = "Method not allowed"


class ConflictError(TridentError):
    """The models, or their files, don't allow the change now."""

    title = "Conflict"


class TooLargeError(TridentError):
    """The body, the image or the number of inputs is over its limit."""

    title = "Too large"


class UnsupportedMediaTypeError(TridentError):
    """The endpoint doesn't take this content type, charset or content encoding."""

    title = "Unsupported media type"


class UndecodableInputError(TridentError):
    """The request is well-formed, but an input in it isn't a usable image or text."""

    title = "Undecodable input"


class OverloadedError(TridentError):
    """There are more requests than the service, or a limit for the caller, allows."""

    title = "Overloaded"

    def __init__(self, message: str, *, reason: Refusal, retry_after: float) -> None:
        """Keep why it is refused, and after how many seconds it probably wouldn't be."""
        super().__init__(message)
        self.reason: Refusal = reason
        self.retry_after = retry_after


class NotReadyError(TridentError):
    """The service is starting or stopping."""

    title = "Not ready"


class SlowClientError(TridentError):
    """The client took too long to send its request."""

    title = "Request timeout"


class UrlTooLongError(TridentError):
    """The URL is over its limit."""

    title = "URL too long"


class HeadersTooLargeError(TridentError):
    """The headers are over their limit, in number or in bytes."""

    title = "Headers too large"


class UnimplementedError(TridentError):
    """The request needs a part of the protocol that the service doesn't implement."""

    title = "Not implemented"


class UnsupportedVersionError(TridentError):
    """The request is in a version of the protocol that the service doesn't speak."""

    title = "Version not supported"


class DeadlineExceededError(TridentError):
    """The answer wasn't ready in time."""

    title = "Deadline exceeded"


class InferenceError(TridentError):
    """The model failed on this input."""

    title = "Inference failed"


class AbandonedError(TridentError):
    """The caller disconnected before the answer was ready."""

    title = "Abandoned"


class InternalError(TridentError):
    """A defect of the service. The details are in its log, not in the answer."""

    title = "Internal error"


class CorruptModelError(Exception):
    """A model on disk is incomplete, altered or of an unknown form, or there is none at all.

    The message may have names and sentences in it that come with the model: what can't be printed
    in them is escaped, so that they can't forge a line of the log or control a terminal.
    """

    def __init__(self, message: str) -> None:
        """Keep the message in one line that can be printed."""
        super().__init__(printable(message))


class UnwritableModelsError(Exception):
    """A file in the folder of models can't be written, for instance in a read-only container."""


_MOST_QUOTED: Final = 60  # characters


def quoted(name: str) -> str:
    """Return a name that a caller sent as an error may repeat it: in quotes, and short."""
    return repr(name if len(name) <= _MOST_QUOTED else f"{name[:_MOST_QUOTED]}...")


def whole_seconds(seconds: float) -> int:
    """Return a time to wait as `Retry-After` says it (RFC 9110, 10.2.3): 1 or more."""
    return max(1, math.ceil(seconds))


def printable(text: str) -> str:
    """Return a text with what can't be printed escaped: ends of lines, control characters ..."""
    if text.isprintable():
        return text
    return "".join(
        letter if letter.isprintable() else letter.encode("unicode_escape").decode()
        for letter in text
    )


def unreadable(path: Path, error: OSError) -> CorruptModelError:
    """Return the error of a file or folder of models that can't be read."""
    return CorruptModelError(f"{path} can't be read: {error.strerror}.")


def first_fault(error: ValidationError) -> str:
    """Return the first of a file's faults in one line: where it is, and what is wrong there."""
    fault = error.errors()[0]
    place = ".".join(map(str, fault["loc"]))
    return f"{place}: {fault['msg']}" if place else fault["msg"]
