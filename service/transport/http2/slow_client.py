"""Finds clients that send a frame, or read what is sent to them, too slowly.

How long a request may take as a whole is a matter of the layer above (`StreamHandler.expires`).
"""

from service.transport.http2.frame_reader import FrameReader, Unfinished
from service.transport.pace import Pace, TimeLimits


class SlowSender:
    """Checks once a second whether a client finishes the frame that it has begun to send.

    The greeting and header blocks, of which the server keeps the state and the bytes, have
    `header_timeout`. The data of a body needs `min_rate`. Without an unfinished frame a connection
    may stay idle.
    """

    def __init__(self, limits: TimeLimits) -> None:
        self._limits = limits
        self._pace = Pace(limits)
        self._waits_for: tuple[Unfinished, int] | None = None
        self._seconds = 0

    def fault(self, reader: FrameReader) -> str | None:
        """Look once; return a sentence for the client if it is too slow."""
        unfinished = reader.unfinished
        before, self._waits_for = self._waits_for, unfinished and (unfinished, reader.finished)
        self._seconds = self._seconds + 1 if self._waits_for == before else 0
        limits = self._limits
        if unfinished is Unfinished.DATA:
            if self._pace.is_too_slow(self._waits_for, len(reader.rest)):
                return (
                    f"DATA arrives too slowly: send at least {limits.min_rate:g} bytes a second, "
                    f"on average over {limits.stall_timeout:g} s."
                )
        elif unfinished is not None and self._seconds >= limits.header_timeout:
            return f"A frame wasn't complete within {limits.header_timeout:g} s: send it faster."
        return None


class SlowReader:
    """Checks once a second whether a client reads what is sent to it."""

    def __init__(self, limits: TimeLimits) -> None:
        self._pace = Pace(limits)

    def is_too_slow(self, unsent: int, taken: int) -> bool:
        """Look once: so many bytes wait here, and its machine has received `taken` in all."""
        if unsent:
            return self._pace.is_too_slow("output", taken)
        self._pace.forget()
        return False
