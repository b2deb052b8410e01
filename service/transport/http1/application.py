"""The application behind the connections, as they see it."""

from collections.abc import Mapping
from typing import Protocol

from service.admission import Reservation
from service.transport.http1.request import HttpRequest, HttpResponse


class Application(Protocol):
    """Answers the requests to some paths; uvicorn carries the others."""

    def path_of(self, url: bytes) -> str | None:
        """Return the path of a URL without its query, if this answers a POST to it."""

    def refuse(
        self, path: str, query: Mapping[str, str], headers: Mapping[str, str], caller: str
    ) -> HttpResponse | None:
        """Return the answer of a request that is refused before its body is read, else None."""

    def try_reserve(self, path: str, size: int) -> Reservation | None:
        """Reserve memory for a body of `size` bytes, or return None if there isn't enough now."""

    async def answer(self, request: HttpRequest) -> HttpResponse:
        """Answer a request to such a path; errors are problem documents."""
