"""Answers to requests that no route takes: problem documents, like all other errors."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Match, Route

from service.api.problems import problem_response
from service.errors import MethodNotAllowedError, TridentError, UnknownPathError
from service.telemetry.exchange import sane_request_id

Handler = Callable[[Request, Exception], Awaitable[Response]]


def unknown_path() -> UnknownPathError:
    """Return the error of a path at which there is nothing."""
    return UnknownPathError("There is nothing at this path. GET /docs.json lists the paths.")


async def _unknown_path(request: Request, _: Exception) -> Response:
    return _answer(request, unknown_path())


async def _wrong_method(request: Request, _: Exception) -> Response:
    allowed = ", ".join(sorted(_methods(request)))
    answer = _answer(
        request, MethodNotAllowedError(f"This path doesn't take this method, but: {allowed}.")
    )
    answer.headers["allow"] = allowed
    return answer


def _methods(request: Request) -> set[str]:
    """Return the methods of all routes that take the path."""
    routes = [route for route in request.app.routes if isinstance(route, Route)]
    taken = [route for route in routes if route.matches(request.scope)[0] is not Match.NONE]
    return set().union(*(route.methods or () for route in taken))


def _answer(request: Request, error: TridentError) -> Response:
    answer = problem_response(error)
    answer.headers["x-request-id"] = sane_request_id(request.headers.get("x-request-id"))
    return Response(answer.body, answer.status, answer.headers)


HANDLERS: Final[Mapping[int, Handler]] = {404: _unknown_path, 405: _wrong_method}
"""What a web application (Starlette) answers with, by status."""
