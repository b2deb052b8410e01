"""Requests that wait on their connection for those before them."""

from collections.abc import Callable

from uvicorn.protocols.http.flow_control import FlowControl

from service.transport.http1.transport import CountingTransport


class PipelineFlow(FlowControl):
    """Reads no more while something waits for its turn.

    uvicorn reads on after each answer, and whenever an application asks for its body: as fast as
    it answers requests, a client can have it hold thousands of others for each.
    """

    def __init__(self, transport: CountingTransport, is_waiting: Callable[[], bool]) -> None:
        """`is_waiting` tells whether something has come that isn't begun."""
        super().__init__(transport)
        self._is_waiting = is_waiting

    def resume_reading(self) -> None:
        """Read on, unless something waits."""
        if self.read_paused and not self._is_waiting():
            super().resume_reading()
