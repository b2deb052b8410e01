"""Answers to requests that no route takes: problem documents, like all other errors."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Final

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from service.api.problems import problem_response
from service.errors import MethodNotAllowedError, TridentError, UnknownPathError
from service.telemetry.exchange import sane_request_id

Handler = Callable[[Request, Exception], Awaitable[Response]]


async def _unknown_path(request: Request, _: Exception) -> Response:
    return _answer(
        request, UnknownPathError("There is nothing at this path. GET /docs.json lists the paths.")
    )


async def _wrong_method(request: Request, error: Exception) -> Response:
    headers = (error.headers if isinstance(error, HTTPException) else None) or {}
    allowed = headers.get("Allow", "another method")
    return _answer(
        request,
        MethodNotAllowedError(f"This path doesn't take this method: send {allowed}."),
        headers,
    )


def _answer(
    request: Request, error: TridentError, headers: Mapping[str, str] | None = None
) -> Response:
    answer = problem_response(error)
    answer.headers["x-request-id"] = sane_request_id(request.headers.get("x-request-id"))
    return Response(answer.body, answer.status, answer.headers | dict(headers or {}))


HANDLERS: Final[Mapping[int, Handler]] = {404: _unknown_path, 405: _wrong_method}
"""What a web application (Starlette) answers with, by status."""
