"""A limit on frames that keep a server busy but belong to no request's progress."""

from typing import Final

from service.transport.http2.frames import BrokenConnectionError, ErrorCode

CHEAP: Final = 1
"""Points of a control frame that costs little to handle."""

COSTLY: Final = 20
"""Points of a frame that needs an answer, or undoes work: a reset, a ping, an error."""

_LIMIT: Final = 20_000  # points per second


class AbuseBudget:
    """Counts the control frames and the errors of a connection.

    Well-behaved clients send few of them. If a server accepted any number, a single client could
    keep it busy: by resets (CVE-2023-44487), pings (CVE-2019-9512), settings (CVE-2019-9515), empty
    or tiny frames (CVE-2019-9518, CVE-2019-9511), continued headers (CVE-2024-27316), or by errors
    that make the server reset its streams (CVE-2025-8671).
    """

    __slots__ = ("_spent",)

    def __init__(self) -> None:
        self._spent = 0

    def spend(self, points: int) -> None:
        """Count a frame. Raises BrokenConnectionError if there were too many in this second."""
        self._spent += points
        if self._spent > _LIMIT:
            raise BrokenConnectionError(ErrorCode.ENHANCE_YOUR_CALM, "too many control frames")

    def renew(self) -> None:
        """Start the count again; call this once a second."""
        self._spent = 0
