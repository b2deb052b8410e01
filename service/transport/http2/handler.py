"""What the layer above HTTP/2 is told of a stream."""

from typing import Protocol


class StreamHandler(Protocol):
    """Answers one request. It is told nothing more once it has answered, or after `cancel`."""

    expires: float
    """The point of `time.monotonic()` at which `expire` is called, give or take a second."""

    def begin(self) -> None:
        """Begin: the headers are in."""

    def receive(self, data: bytes, *, ended: bool) -> None:
        """Take a part of the body; the last one if it has `ended`."""

    def sent(self) -> None:
        """Go on: all data of the answer so far has been sent."""

    def cancel(self) -> None:
        """Give up: the peer or the connection ended the stream before its answer did."""

    def expire(self) -> None:
        """End the stream: its time is up."""

    def stop(self) -> None:
        """End soon what would go on for long: the server stops."""
