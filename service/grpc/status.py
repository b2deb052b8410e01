"""Errors as gRPC shows them: status codes."""

from typing import Final

from grpc import StatusCode

from service.core.errors import (
    AbandonedError,
    DeadlineExceededError,
    InferenceError,
    InternalError,
    MalformedRequestError,
    NotReadyError,
    OverloadedError,
    TooLargeError,
    TridentError,
    UndecodableInputError,
    UnknownModelError,
    UnsupportedMediaTypeError,
)

STATUS: Final[dict[type[TridentError], StatusCode]] = {
    MalformedRequestError: StatusCode.INVALID_ARGUMENT,
    UnknownModelError: StatusCode.NOT_FOUND,
    TooLargeError: StatusCode.INVALID_ARGUMENT,
    UnsupportedMediaTypeError: StatusCode.INVALID_ARGUMENT,
    UndecodableInputError: StatusCode.INVALID_ARGUMENT,
    OverloadedError: StatusCode.RESOURCE_EXHAUSTED,
    AbandonedError: StatusCode.CANCELLED,
    InferenceError: StatusCode.INTERNAL,
    InternalError: StatusCode.INTERNAL,
    NotReadyError: StatusCode.UNAVAILABLE,
    DeadlineExceededError: StatusCode.DEADLINE_EXCEEDED,
}
"""The status code of each error."""


def status_number(error: TridentError) -> int:
    """Return the code of an error as the number that the protocol sends."""
    return int(STATUS[type(error)].value[0])
