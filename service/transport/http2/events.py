"""Events of a connection, for the layer above."""

from enum import Enum

from service.transport.http2.headers import RequestHead
from service.transport.http2.stream import Stream


class StreamEvent(Enum):
    """Events of a stream that aren't data from the client."""

    SENT = "sent"  # all data of the answer that had to wait is sent
    RESET = "reset"  # the client or an error ended the stream before its answer


Event = tuple[Stream, RequestHead | bytes | StreamEvent]
"""A stream, and what happened to it.

The head of a request begins the stream. Each part of the body follows as bytes. If the stream
`has_whole_request`, nothing more follows: a request without a body is complete with its head.
"""
# A plain tuple: objects of own classes would cost gRPC 1% of its rate.
