"""The answers to requests that can't be read."""

import logging
from collections.abc import Callable, Iterable
from typing import Final

from httptools import HttpParserCallbackError, HttpParserError

from service.errors import MalformedRequestError, TridentError
from service.telemetry.exchange import sane_request_id
from service.transport.http1.head import unsupported_version
from service.transport.http1.rendering import render
from service.transport.http1.request import HttpResponse

MakeProblem = Callable[[TridentError], HttpResponse]

logger = logging.getLogger(__name__)

_UNKNOWN_VERSION: Final = "Invalid HTTP version"  # the parser's words for HTTP/3.0, HTTP/1.2 ...


def what_is_wrong(error: HttpParserError) -> TridentError:
    """Return the error for a request that the parser refuses."""
    if isinstance(error.__context__, TridentError):
        return error.__context__
    if isinstance(error, HttpParserCallbackError):
        return MalformedRequestError("The request's URL can't be read.")
    if str(error) == _UNKNOWN_VERSION:
        return unsupported_version()
    return MalformedRequestError(f"The request isn't valid HTTP/1.1: {error}.")


def refusal(
    error: TridentError, response: HttpResponse, default_headers: Iterable[tuple[bytes, bytes]]
) -> bytes:
    """Return the last answer on a connection, in bytes, and log it with its id."""
    request_id = response.headers["x-request-id"] = sane_request_id(None)
    logger.info(
        "request %s is refused: %d %s",
        *(request_id, response.status, error.title),
        extra={"request_id": request_id},
    )
    return render(response, default_headers, keep_alive=False)
