"""A request whose answer is known from its head: its body isn't waited for."""

from collections.abc import Mapping
from dataclasses import dataclass

from service.admission import Reservation
from service.transport.http1.request import HttpRequest, HttpResponse


@dataclass(frozen=True, slots=True)
class Decided:
    """An `Application` that gives one answer, whatever the body is."""

    response: HttpResponse

    def path_of(self, _: bytes) -> str | None:
        """Take no path: this is made for one request."""

    def refuse(
        self, path: str, query: Mapping[str, str], headers: Mapping[str, str], caller: str
    ) -> HttpResponse | None:
        """Return the answer."""
        return self.response

    def try_reserve(self, _: str, __: int) -> Reservation | None:
        """Reserve nothing, so that nobody waits for the body."""

    async def answer(self, _: HttpRequest) -> HttpResponse:
        """Return the answer."""
        return self.response
