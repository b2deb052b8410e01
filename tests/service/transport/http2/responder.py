"""A server without a socket: the protocol, with an answer to each request for its path."""

from typing import Any

from service.admission import Account
from service.transport.http2.events import StreamEvent
from service.transport.http2.frames import FRAME_HEAD, PREFACE, ErrorCode, frame, settings
from service.transport.http2.headers import RequestHead, encoded_field, encoded_status
from service.transport.http2.protocol import ConnectionState, ServerProtocol
from service.transport.http2.stream import Stream, StreamState
from service.transport.http2.streams import MAX_STREAMS
from service.transport.pace import TimeLimits

HEAD = encoded_status(200)
TRAILERS = encoded_field("status", "0")
HELLO = PREFACE + settings({})
TICKS = TimeLimits(header_timeout=20, stall_timeout=20, min_rate=100)
CAPACITY = 64 * 1024 * 1024
MAX_PENDING = 64 * 1024 + 16_393 + 24 * 1024  # data, the frame beyond it, control frames

Frame = tuple[int, int, int, bytes]


class Responder:
    """Answers "/echo" with the body, "/parts" with each part as it arrives, "/early" at the
    headers.

    "/reset" is reset, and all others are never answered. `events` is what the protocol told,
    `output` what it sent.
    """

    def __init__(self, account: Account | None = None, limits: TimeLimits = TICKS) -> None:
        self.account = account or Account(CAPACITY)
        self.protocol = ServerProtocol(self.account, 0.0, limits)
        self.events: list[tuple[int, object]] = []
        self.output = b""
        self._bodies: dict[Stream, tuple[str, bytes]] = {}
        self._queues: dict[Stream, list[bytes]] = {}
        self._ended: set[Stream] = set()

    def receive(self, *pieces: bytes) -> None:
        """Give the protocol its input, and answer its events. Nothing is sent yet."""
        for piece in pieces:
            for stream, event in self.protocol.receive(piece):
                self._handle(stream, event)
            self.check()

    def send(self) -> bytes:
        """Take all output, and return it."""
        sent = b""
        while data := self.protocol.data_to_send():
            sent += data
            for stream, event in self.protocol.events():
                self._handle(stream, event)
        self.output += sent
        self.check()
        return sent

    def exchange(self, *pieces: bytes) -> list[Frame]:
        """Receive, send, and return the frames that were sent."""
        self.receive(*pieces)
        return frames_of(self.send())

    def close(self) -> None:
        """Close the connection, as if it was lost."""
        self.protocol.close()
        for stream, event in self.protocol.events():
            self._handle(stream, event)
        self.check()

    def check(self) -> None:
        """Check what must hold whatever was received."""
        protocol, output = self.protocol, self.protocol._output
        assert 0 <= output.window < 2**31
        assert output.pending <= MAX_PENDING
        streams = protocol.streams
        assert len(streams) <= MAX_STREAMS
        for stream in streams:
            assert stream.send_window < 2**31
            assert stream.state in (StreamState.OPEN, StreamState.HALF_CLOSED_REMOTE)
        assert protocol._reader.held <= 16_393 + 32 * 1024
        assert self.account.streams.used >= sum(stream.size for stream in streams)
        assert self.account.connections.used >= protocol._held
        if protocol.state is ConnectionState.CLOSED:
            assert not streams
            assert protocol._held == 0

    def _handle(self, stream: Stream, event: RequestHead | bytes | StreamEvent) -> None:
        told: Any = event.path if isinstance(event, RequestHead) else event
        self.events.append((stream.number, told))
        assert stream not in self._ended, "nothing more is told of a stream that was reset"
        if isinstance(event, RequestHead):
            self._bodies[stream] = event.path, b""
            self._begin(stream, event.path)
        elif event is StreamEvent.RESET:
            self._ended.add(stream)
        elif event is StreamEvent.SENT:
            self._send_parts(stream)
        elif isinstance(event, bytes):
            self._receive(stream, event)

    def _begin(self, stream: Stream, path: str) -> None:
        sender = self.protocol.sender
        if path == "/early":
            sender.end(stream, HEAD)
        elif path == "/reset":
            sender.reset(stream, ErrorCode.CANCEL)
            self._ended.add(stream)
        elif path == "/parts":
            sender.send_headers(stream, HEAD)
        if stream.state is StreamState.HALF_CLOSED_REMOTE:
            self._receive(stream, b"")

    def _receive(self, stream: Stream, data: bytes) -> None:
        path, body = self._bodies[stream]
        self._bodies[stream] = path, body + data
        if path == "/echo" and stream.has_whole_request:
            self.protocol.sender.answer(stream, HEAD, body + data, TRAILERS)
        if path == "/parts":
            self._queues.setdefault(stream, []).append(data)
            self._send_parts(stream)

    def _send_parts(self, stream: Stream) -> None:
        queue = self._queues.get(stream, [])
        while queue and not stream.unsent:
            self.protocol.sender.send_data(stream, queue.pop(0))
        done = stream.has_whole_request and not queue and not stream.unsent
        if done and self._bodies[stream][0] == "/parts" and stream.trailers is None:
            self.protocol.sender.end(stream, TRAILERS)


def frames_of(data: bytes) -> list[Frame]:
    """Return the frames of some output: type, flags, stream and payload."""
    found, position = [], 0
    while position < len(data):
        high, low, kind, flags, number = FRAME_HEAD.unpack_from(data, position)
        end = position + 9 + (high << 8 | low)
        assert end <= len(data), "whole frames are sent"
        found.append((kind, flags, number, data[position + 9 : end]))
        position = end
    return found


def head(path: str) -> bytes:
    """Return a block of headers that leaves the table of headers as it is."""
    return b"\x83\x86\x04" + bytes((len(path),)) + path.encode()


def request(number: int, path: str, body: bytes = b"") -> bytes:
    """Return the frames of a whole request."""
    return frame(1, 4, number, head(path)) + frame(0, 1, number, body)
