"""Sends answers, as far as the client's windows allow; the rest waits."""

from collections import deque

from service.transport.http2.events import Event, StreamEvent
from service.transport.http2.frames import (
    DATA,
    END_HEADERS,
    FRAME_HEAD,
    HEADERS,
    ErrorCode,
    frame,
    window_update,
)
from service.transport.http2.output import Output
from service.transport.http2.stream import CLOSED, ENDED, Stream
from service.transport.http2.streams import Streams

_pack = FRAME_HEAD.pack


class Sender:
    """Sends answers. Calls for a closed stream are ignored."""

    __slots__ = ("_events", "_output", "_streams", "_waiting")

    def __init__(self, output: Output, streams: Streams, events: deque[Event]) -> None:
        """Add frames to `output`, and to `events` when what had to wait has been sent."""
        self._output = output
        self._streams = streams
        self._events = events
        self._waiting: dict[Stream, None] = {}

    @property
    def is_waiting(self) -> bool:
        """Whether data of a stream waits for a window, or for space in the output."""
        return bool(self._waiting)

    def answer(self, stream: Stream, head: bytes, body: bytes, trailers: bytes) -> bool:
        """Answer a request with headers, body and trailers; return whether all of it was sent.

        If not, DataSent or StreamReset follow, and no other event of the stream.
        """
        size, output = len(body), self._output
        if size > stream.send_window or size > output.room() or stream.state is CLOSED:
            self.send_headers(stream, head)
            stream.unsent = memoryview(body)
            return self.end(stream, trailers)
        output.window -= size
        number, head_size, trailers_size = stream.number, len(head), len(trailers)
        output.write(
            b"".join(
                (
                    _pack(head_size >> 8, head_size & 0xFF, HEADERS, END_HEADERS, number),
                    head,
                    _pack(size >> 8, size & 0xFF, DATA, 0, number),
                    body,
                    _pack(trailers_size >> 8, trailers_size & 0xFF, HEADERS, ENDED, number),
                    trailers,
                )
            )
        )
        self._streams.end_answer(stream)
        return True

    def send_headers(self, stream: Stream, head: bytes) -> None:
        """Send the headers of an answer. They are encoded already, and fit into one frame."""
        if stream.state is not CLOSED:
            self._output.write(frame(HEADERS, END_HEADERS, stream.number, head))

    def send_data(self, stream: Stream, data: bytes) -> bool:
        """Send a part of an answer's body; return whether it was sent. If not, DataSent follows."""
        if stream.state is CLOSED:
            return True
        stream.unsent = memoryview(data)
        return self._send_unsent(stream)

    def end(self, stream: Stream, trailers: bytes) -> bool:
        """End an answer with trailers, or with headers alone, when all its data has been sent.

        Returns whether it was sent. If not, DataSent or StreamReset follow, and nothing else.
        """
        if stream.state is CLOSED:
            return True
        stream.trailers = trailers
        return self._send_unsent(stream)

    def reset(self, stream: Stream, code: ErrorCode) -> None:
        """End a stream without an answer, or in the middle of it. No event follows."""
        if stream.state is not CLOSED:
            self._streams.reset(stream.number, code)
            self._waiting.pop(stream, None)

    def grant(self, stream: Stream, size: int) -> None:
        """Let the client send `size` more bytes of a body (WINDOW_UPDATE)."""
        if not stream.has_whole_request:
            stream.receive_window.grant(size)
            self._output.write(window_update(stream.number, size))

    def send_waiting(self) -> None:
        """Send what waits, as far as the windows allow."""
        for stream in list(self._waiting):
            if self._output.room() <= 0:
                return
            self.send_rest(stream)

    def send_rest(self, stream: Stream) -> None:
        """Send a stream's waiting data, as far as the windows allow."""
        if stream.unsent and self._send_unsent(stream):
            self._events.append((stream, StreamEvent.SENT))

    def abandon(self, stream: Stream | None) -> None:
        """Stop sending on a stream that the client or an error has ended; add an event."""
        if stream is not None:
            self._waiting.pop(stream, None)
            self._events.append((stream, StreamEvent.RESET))

    def _send_unsent(self, stream: Stream) -> bool:
        if not stream.send_unsent(self._output):
            self._waiting[stream] = None
            return False
        self._waiting.pop(stream, None)
        if stream.trailers is not None:
            self._streams.end_answer(stream)
        return True
