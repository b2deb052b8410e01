"""The HTTP routes of models by name, as a web framework calls them."""

import logging
from collections.abc import Awaitable, Callable

from pydantic import BaseModel
from starlette.convertors import StringConvertor, register_url_convertor
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from service.api.problems import problem_response
from service.api.trident.models import describe_model, list_models
from service.engine.engine import Engine
from service.errors import InternalError, TridentError
from service.telemetry.exchange import NO_CALLER, sane_request_id
from service.transport.http1.asgi_request import CALLER
from service.transport.http1.request import HttpRequest, HttpResponse

logger = logging.getLogger(__name__)

Handler = Callable[[HttpRequest], Awaitable[HttpResponse]]


class _ModelName(StringConvertor):
    """A model's name in a path: `/models/reload` is another endpoint."""

    regex = "(?!reload$)[^/]+"


register_url_convertor("model", _ModelName())


def model_routes(engine: Engine, answer: Handler) -> list[Route]:
    """Return the routes that describe models, and those that run them."""

    async def index(request: Request) -> Response:
        return await shown(list_models(engine), request_id_of(request))

    async def one(request: Request) -> Response:
        return await shown(
            describe_model(engine, request.path_params["name"]), request_id_of(request)
        )

    async def predict(request: Request) -> Response:
        return await answered(request, answer)

    return [
        Route("/models", index, methods=["GET"]),
        Route("/models/{name:model}", one, methods=["GET"]),
        Route("/models/{rest:path}", predict, methods=["POST"]),
    ]


async def answered(request: Request, answer: Handler) -> Response:
    """Answer a request by `answer`."""
    caller = request.scope.get(CALLER, NO_CALLER)
    response = await answer(
        HttpRequest(
            request.url.path, request.headers, request.query_params, request.receive, caller=caller
        )
    )
    return _response(response)


def request_id_of(request: Request) -> str:
    """Return the id that a caller sent, or a new one."""
    return sane_request_id(request.headers.get("x-request-id"))


async def shown(content: Awaitable[BaseModel], request_id: str) -> Response:
    """Return content as JSON, or the problem that there is."""
    try:
        response = Response((await content).model_dump_json(), media_type="application/json")
    except TridentError as error:
        response = _response(problem_response(error))
    except Exception:
        logger.exception("request %s failed", request_id, extra={"request_id": request_id})
        response = _response(problem_response(InternalError("The service failed, see its log.")))
    response.headers["x-request-id"] = request_id
    return response


def _response(response: HttpResponse) -> Response:
    return Response(response.body, response.status, response.headers)
