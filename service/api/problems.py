"""Errors as HTTP shows them: RFC 9457 problem documents."""

from typing import Any, Final

import orjson
from pydantic import BaseModel, Field

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
from service.transport.http1.request import HttpResponse

STATUS: Final[dict[type[TridentError], int]] = {
    MalformedRequestError: 400,
    UnauthorizedError: 401,
    ForbiddenError: 403,
    UnknownModelError: 404,
    UnknownPathError: 404,
    MethodNotAllowedError: 405,
    SlowClientError: 408,
    ConflictError: 409,
    TooLargeError: 413,
    UrlTooLongError: 414,
    UnsupportedMediaTypeError: 415,
    UndecodableInputError: 422,
    OverloadedError: 429,
    HeadersTooLargeError: 431,
    AbandonedError: 499,  # the client has gone; only the metrics see this status
    InferenceError: 500,
    InternalError: 500,
    UnimplementedError: 501,
    NotReadyError: 503,
    DeadlineExceededError: 504,
    UnsupportedVersionError: 505,
}
"""The HTTP status of each error."""


class Problem(BaseModel):
    """What went wrong, as a problem document (RFC 9457)."""

    type: str = Field(
        description="The kind of problem, for programs.",
        examples=["urn:trident:problem:undecodable-input"],
    )
    title: str = Field(
        description="The kind of problem, for people.", examples=["Undecodable input"]
    )
    status: int = Field(
        description="The HTTP status. In a list: the status that this input alone would have.",
        examples=[422],
    )
    detail: str = Field(
        description="What to change.",
        examples=["These 12 bytes aren't an image: send a file in one of PNG, JPEG, GIF."],
    )


def problem_document(error: type[TridentError], detail: str) -> dict[str, Any]:
    """Return the problem document of a kind of error (RFC 9457, section 3)."""
    slug = error.title.lower().replace(" ", "-")
    return {
        "type": f"urn:trident:problem:{slug}",
        "title": error.title,
        "status": STATUS[error],
        "detail": detail,
    }


def problem(error: TridentError) -> dict[str, Any]:
    """Return the problem document of an error."""
    return problem_document(type(error), str(error))


def problem_response(error: TridentError) -> HttpResponse:
    """Return the answer to a request that failed as a whole."""
    headers = {"content-type": "application/problem+json"}
    if isinstance(error, OverloadedError):
        headers["retry-after"] = str(whole_seconds(error.retry_after))
    if isinstance(error, UnauthorizedError):
        headers["www-authenticate"] = "Bearer"
    return HttpResponse(STATUS[type(error)], orjson.dumps(problem(error)), headers)
