"""How much a peer may try the server's patience."""

from typing import Final

from service.transport.http2.frames import BrokenConnectionError, ErrorCode

NUISANCE: Final = 1
"""Points of a frame that is cheap to handle, but moves no request on."""

GREAT_NUISANCE: Final = 20
"""Points of one that calls for an answer, or undoes work: a reset, a ping, an error."""

_LIMIT: Final = 20_000  # points a second


class Patience:
    """Counts the frames of a connection that a peer at its senses sends but seldom.

    A server that takes any number of them can be kept busy by a single client: by resets
    (CVE-2023-44487), pings (CVE-2019-9512), settings (CVE-2019-9515), empty frames
    (CVE-2019-9518), continued headers (CVE-2024-27316), or by mistakes (CVE-2025-8671).
    """

    __slots__ = ("_points",)

    def __init__(self) -> None:
        self._points = 0

    def try_by(self, points: int) -> None:
        """Count a frame. Raises BrokenConnectionError if there were too many."""
        self._points += points
        if self._points > _LIMIT:
            raise BrokenConnectionError(ErrorCode.ENHANCE_YOUR_CALM, "too many idle frames")

    def renew(self) -> None:
        """Forget what was: to be called once a second."""
        self._points = 0
