"""What answers requests behind the connections, as far as these know it."""

from typing import Protocol

from service.admission import Reservation
from service.transport.http1.request import HttpRequest, HttpResponse


class Application(Protocol):
    """Answers the requests to some paths by itself; uvicorn carries the others."""

    def path_of(self, url: bytes) -> str | None:
        """Return the path of a URL without its query, if this answers a POST to it."""

    def try_reserve(self, path: str, size: int) -> Reservation | None:
        """Take room for a body of `size` bytes, or return None if there is none now."""

    async def answer(self, request: HttpRequest) -> HttpResponse:
        """Answer a request to such a path, by a problem where it fails."""
