"""The interface of a stream's handler in the layer above HTTP/2."""

from typing import Protocol


class StreamHandler(Protocol):
    """Answers one request. Nothing is called after it has answered, or after `cancel`."""

    expires: float
    """The time of `time.monotonic()` at which `expire` is called, to about a second."""

    def begin(self) -> None:
        """Begin: the headers are complete."""

    def receive(self, data: bytes, *, ended: bool) -> None:
        """Take a part of the body; the last one if it has `ended`."""

    def sent(self) -> None:
        """Continue: all data of the answer so far has been sent."""

    def cancel(self) -> None:
        """Stop: the peer or the connection ended the stream before its answer."""

    def expire(self) -> None:
        """End the stream: its time is up."""

    def stop(self) -> None:
        """End long requests soon, because the server stops."""
