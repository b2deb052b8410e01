"""Flow control of one connection: when to read from it and when to write to it."""

import asyncio
from collections.abc import Callable
from typing import Final

MOST_UNREAD: Final = 64 * 1024
"""Bytes of a body that are kept until they are read. With more, reading pauses (back-pressure)."""


class FlowControl:
    """Pauses and resumes reading, and waits while writing is paused.

    Nothing is read while a request waits for earlier ones. Otherwise a client that sends without a
    pause could make any number of requests wait.
    """

    def __init__(self, transport: asyncio.Transport, has_waiting: Callable[[], bool]) -> None:
        """`has_waiting` tells whether a request has arrived that hasn't begun."""
        self._transport = transport
        self._has_waiting = has_waiting
        self._writable = asyncio.Event()
        self._writable.set()
        self.read_paused = False
        self.write_paused = False

    def pause_reading(self) -> None:
        """Pause reading."""
        if not self.read_paused:
            self.read_paused = True
            self._transport.pause_reading()

    def resume_reading(self) -> None:
        """Resume reading, unless a request waits."""
        if self.read_paused and not self._has_waiting():
            self.read_paused = False
            self._transport.resume_reading()

    def pause_writing(self) -> None:
        """Pause writing: the client reads too slowly."""
        self.write_paused = True
        self._writable.clear()

    def resume_writing(self) -> None:
        """Resume writing: the client has read enough, or has gone."""
        self.write_paused = False
        self._writable.set()

    async def drain(self) -> None:
        """Wait until writing isn't paused."""
        await self._writable.wait()
