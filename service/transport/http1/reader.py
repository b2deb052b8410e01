"""Reading the requests on a connection from its bytes, and refusing what can't be read."""

from enum import Enum, auto
from typing import Final, Protocol

from httptools import HttpParserError, HttpParserUpgrade, HttpRequestParser

from service.errors import TridentError
from service.transport.http1.head import (
    MAX_HEAD_BYTES,
    Head,
    check_head,
    check_size,
    head_too_large,
)
from service.transport.http1.refusals import what_is_wrong
from service.transport.http1.upgrades import head_without_offer

_NO_BYTES: Final = memoryview(b"")
_PART: Final = 16 * 1024  # bytes that are parsed at a time; then it is seen whether requests wait


class Incoming(Enum):
    """Where the next bytes from the client belong."""

    NOTHING = auto()
    """To no request that has begun."""
    HEAD = auto()
    BODY = auto()
    IGNORED = auto()
    """To nothing: the connection is ending."""


# A member of an enum costs twice as much to look up as a global.
_NOTHING: Final = Incoming.NOTHING
_HEAD: Final = Incoming.HEAD
_BODY: Final = Incoming.BODY
_IGNORED: Final = Incoming.IGNORED


class Receiver(Protocol):
    """The receiver of the requests."""

    def on_head(self, head: Head) -> None:
        """Take a request whose headers are complete. Its body follows, then `on_end`."""

    def on_body(self, part: bytes) -> None:
        """Take a part of its body."""

    def on_end(self) -> None:
        """Record that the request is complete."""

    def has_waiting(self) -> bool:
        """Tell whether a request waits for earlier ones. Parsing stops meanwhile."""

    def refuse(self, error: TridentError) -> None:
        """Answer with an error and close: the request can't be read."""


class RequestReader:
    """Parses what a client sends.

    An offer to upgrade to another protocol is ignored (RFC 9110, 7.8). The parser stops at an
    offer, so it then gets the same head again, without the offer.
    """

    def __init__(self, receiver: Receiver) -> None:
        self._receiver = receiver
        self._parser = HttpRequestParser(self)
        # Requests after the one that says it is the last are read and ignored.
        self._parser.set_dangerous_leniencies(lenient_data_after_close=True)
        self.incoming = _NOTHING
        self.requests = 0
        """How many complete requests have arrived."""
        self.body_bytes = 0
        """How many bytes of bodies have arrived."""
        self.ignored_bytes = 0
        """How many bytes have arrived that weren't read as a request."""
        self._url = b""
        self._headers: list[tuple[bytes, bytes]] = []
        self._expects_continue = False
        self._head_without_offer = b""
        """The head that is being parsed, if it has an offer to upgrade."""
        self._held = _NO_BYTES
        """Bytes that arrived behind requests that wait; they are parsed when those are answered."""
        self._overhead = 0
        """Bytes of a head, or of chunk extensions and trailers, since the last part that had bytes
        of a body or the end of a head. A part with such an end counts as nothing."""

    @property
    def has_held(self) -> bool:
        """Whether bytes have arrived that aren't parsed yet."""
        return bool(self._held)

    def feed(self, data: bytes) -> None:
        """Read requests, until one has to wait for its turn."""
        if self.incoming is _IGNORED:
            self.ignored_bytes += len(data)
        elif len(data) <= _PART and not self._held:
            self._parse(data)
        else:
            self._held = memoryview(b"".join((self._held, data)) if self._held else data)
            self.read_held()

    def read_held(self) -> None:
        """Parse bytes that arrived before, until a request has to wait for its turn."""
        while self._held and self.incoming is not _IGNORED and not self._receiver.has_waiting():
            part, self._held = self._held[:_PART], self._held[_PART:]
            self._parse(part)

    def ignore_the_rest(self) -> None:
        """Read no more requests."""
        self.incoming = _IGNORED
        self._overhead = 0
        self._held = _NO_BYTES

    def close(self) -> None:
        """Drop the parser, which has a reference to this object."""
        del self._parser

    def _parse(self, data: bytes | memoryview) -> None:
        self._overhead += len(data)
        try:
            self._parser.feed_data(data)
        except HttpParserUpgrade as stop:
            self._go_on_without_offer(memoryview(data)[stop.args[0] :])
        except HttpParserError as error:
            self._receiver.refuse(what_is_wrong(error))
        if self._overhead > MAX_HEAD_BYTES + _PART:
            self._receiver.refuse(head_too_large(self._url))

    def _go_on_without_offer(self, rest: memoryview) -> None:
        try:
            while True:
                head, self._head_without_offer = self._head_without_offer, b""
                try:
                    self._parser.feed_data(head)
                    self._parser.feed_data(rest)
                except HttpParserUpgrade as stop:  # after a later request's head
                    rest = rest[stop.args[0] :]
                else:
                    return
        except HttpParserError as error:
            self._receiver.refuse(what_is_wrong(error))

    # What the parser calls. An error that is raised here stops it.

    def on_message_begin(self) -> None:
        """Begin a request."""
        self._url = b""
        self._headers = []
        self._expects_continue = False
        self.incoming = _HEAD

    def on_url(self, url: bytes) -> None:
        """Keep a part of the URL."""
        self._url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        """Keep a header, or a trailer, which nobody reads."""
        name = name.lower()
        if name == b"expect" and value.lower() == b"100-continue":
            self._expects_continue = True
        self._headers.append((name, value))

    def on_headers_complete(self) -> None:
        """Pass a head on, or keep it if it has an offer."""
        parser, headers = self._parser, self._headers
        method, version = parser.get_method(), parser.get_http_version()
        if parser.should_upgrade():
            self._head_without_offer = head_without_offer(method, self._url, version, headers)
            return
        check_head(version, headers)
        if self._overhead > MAX_HEAD_BYTES - _PART:
            check_size(self._url, headers)
        self._overhead = 0
        self.incoming = _BODY
        self._headers = []  # for trailers
        is_1_1 = version == "1.1"
        self._receiver.on_head(
            Head(
                method,
                self._url,
                version,
                headers,
                is_1_1 and parser.should_keep_alive(),
                is_1_1 and self._expects_continue,  # RFC 9110, 10.1.1
            )
        )

    def on_body(self, part: bytes) -> None:
        """Pass a part of a body on."""
        self._overhead = 0
        self.body_bytes += len(part)
        self._receiver.on_body(part)

    def on_message_complete(self) -> None:
        """Report that a request is complete."""
        if self._head_without_offer:
            return
        self._overhead = 0
        self.incoming = _NOTHING
        self.requests += 1
        self._receiver.on_end()
