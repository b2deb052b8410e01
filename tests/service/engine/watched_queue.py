"""Waiting until so many rows are in a batcher's queue."""

import asyncio

from service.telemetry.metrics import ModelMetrics

PATIENCE = 10.0  # seconds that a test waits for what must happen


class WatchedQueue(ModelMetrics):
    """A batcher's metrics, which know how many rows wait."""

    def __init__(self) -> None:
        super().__init__("model of the tests", 1)
        self.waiting = 0

    def queued(self, depth: int) -> None:
        super().queued(depth)
        self.waiting = depth

    async def holds(self, rows: int) -> None:
        """Wait until so many rows are in the queue."""
        async with asyncio.timeout(PATIENCE):
            while self.waiting != rows:  # noqa: ASYNC110 - the batcher knows no event for it
                await asyncio.sleep(0)
