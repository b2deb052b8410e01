"""How a call ended: gRPC's status codes, and which one each error has."""

import math
from enum import IntEnum
from typing import Final

from service.errors import (
    AbandonedError,
    ConflictError,
    DeadlineExceededError,
    ForbiddenError,
    HeadersTooLargeError,
    InferenceError,
    InternalError,
    MalformedRequestError,
    MethodNotAllowedError,
    NotReadyError,
    OverloadedError,
    SlowClientError,
    TooLargeError,
    TridentError,
    UnauthorizedError,
    UndecodableInputError,
    UnimplementedError,
    UnknownModelError,
    UnknownPathError,
    UnsupportedMediaTypeError,
    UnsupportedVersionError,
    UrlTooLongError,
    whole_seconds,
)


class StatusCode(IntEnum):
    """Numbers as they are sent (gRPC's doc/statuscodes.md)."""

    OK = 0
    CANCELLED = 1
    UNKNOWN = 2
    INVALID_ARGUMENT = 3
    DEADLINE_EXCEEDED = 4
    NOT_FOUND = 5
    ALREADY_EXISTS = 6
    PERMISSION_DENIED = 7
    RESOURCE_EXHAUSTED = 8
    FAILED_PRECONDITION = 9
    ABORTED = 10
    OUT_OF_RANGE = 11
    UNIMPLEMENTED = 12
    INTERNAL = 13
    UNAVAILABLE = 14
    DATA_LOSS = 15
    UNAUTHENTICATED = 16


OK: Final = StatusCode.OK  # which each call looks up

STATUS: Final[dict[type[TridentError], StatusCode]] = {
    MalformedRequestError: StatusCode.INVALID_ARGUMENT,
    UnauthorizedError: StatusCode.UNAUTHENTICATED,
    ForbiddenError: StatusCode.PERMISSION_DENIED,
    UnknownModelError: StatusCode.NOT_FOUND,
    UnknownPathError: StatusCode.UNIMPLEMENTED,
    MethodNotAllowedError: StatusCode.UNIMPLEMENTED,
    ConflictError: StatusCode.FAILED_PRECONDITION,
    SlowClientError: StatusCode.DEADLINE_EXCEEDED,
    TooLargeError: StatusCode.INVALID_ARGUMENT,
    UrlTooLongError: StatusCode.INVALID_ARGUMENT,
    HeadersTooLargeError: StatusCode.INVALID_ARGUMENT,
    UnsupportedMediaTypeError: StatusCode.INVALID_ARGUMENT,
    UndecodableInputError: StatusCode.INVALID_ARGUMENT,
    OverloadedError: StatusCode.RESOURCE_EXHAUSTED,
    AbandonedError: StatusCode.CANCELLED,
    InferenceError: StatusCode.INTERNAL,
    InternalError: StatusCode.INTERNAL,
    UnimplementedError: StatusCode.UNIMPLEMENTED,
    UnsupportedVersionError: StatusCode.UNIMPLEMENTED,
    NotReadyError: StatusCode.UNAVAILABLE,
    DeadlineExceededError: StatusCode.DEADLINE_EXCEEDED,
}
"""The status code of each error."""


class CallError(Exception):
    """A call fails with a status other than OK; the message is shown to the caller."""

    def __init__(
        self, status: StatusCode, message: str, trailers: dict[str, str] | None = None
    ) -> None:
        """Keep the status, and the metadata to send with it."""
        super().__init__(message)
        self.status = status
        self.trailers = trailers or {}


def call_error(error: TridentError) -> CallError:
    """Return how a call fails by an error, with the metadata that says when to try again.

    `retry-after` is in whole seconds, as in HTTP. `grpc-retry-pushback-ms` is read by the clients
    themselves, if they are configured to retry RESOURCE_EXHAUSTED (gRPC's proposal A6).
    """
    trailers = {}
    if isinstance(error, OverloadedError):
        trailers["retry-after"] = str(whole_seconds(error.retry_after))
        trailers["grpc-retry-pushback-ms"] = str(math.ceil(1000 * error.retry_after))
    return CallError(STATUS[type(error)], str(error), trailers)
