"""The endpoints' declarations for BentoML, which its client and its schema use."""

from typing import Any

import bentoml
from starlette.responses import Response

from service.api.answers import answer_schema
from service.api.endpoints import ENDPOINTS, Endpoint
from service.api.trident.routes import Handler, answered
from service.bento.schemas import REQUESTS
from service.tasks.kinds import KINDS


def declared(answer: Handler) -> dict[str, Any]:
    """Return, by name, the members of a BentoML service that answer the endpoints with `answer`."""
    return {endpoint.name: _method(endpoint, answer) for endpoint in ENDPOINTS}


def _method(endpoint: Endpoint, answer: Handler) -> Any:
    kind = KINDS[endpoint.kind]

    async def method(self: Any, ctx: bentoml.Context, **_: Any) -> Response:
        response = await answered(ctx.request, answer)
        ctx.response.status_code = response.status_code  # BentoML takes the status from there
        return response

    method.__name__ = endpoint.name
    method.__doc__ = endpoint.summary
    return bentoml.api(
        method,
        route=endpoint.path,
        input_spec=REQUESTS[kind.input],
        output_spec=answer_schema(kind.answer),
    )
