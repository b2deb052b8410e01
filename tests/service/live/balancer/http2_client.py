"""An HTTP/2 client that sends paths unchanged: other clients would normalize them."""

import socket

from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import (
    ConnectionTerminated,
    DataReceived,
    Event,
    ResponseReceived,
    StreamEnded,
    StreamReset,
)


class Http2Client:
    """A connection to a port of this machine, without TLS; use it in a `with`."""

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=20)
        self._connection = H2Connection(H2Configuration(validate_outbound_headers=False))

    def __enter__(self) -> "Http2Client":
        self._connection.initiate_connection()
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()

    def get(self, path: str) -> tuple[int, str]:
        """Return the status and the body of an answer; the status is 0 if there is none."""
        head = {":method": "GET", ":scheme": "http", ":authority": "x", ":path": path}
        stream = self._connection.get_next_available_stream_id()
        self._connection.send_headers(stream, list(head.items()), end_stream=True)
        self._socket.sendall(self._connection.data_to_send())
        status, body = 0, b""
        while data := self._socket.recv(65_536):
            for event in self._connection.receive_data(data):
                if isinstance(event, ResponseReceived):
                    status = int(dict(event.headers)[b":status"])
                elif isinstance(event, DataReceived):
                    body += event.data
                elif _is_last(event):
                    return status, body.decode()
            self._socket.sendall(self._connection.data_to_send())
        return status, body.decode()


def _is_last(event: Event) -> bool:
    return isinstance(event, StreamEnded | StreamReset | ConnectionTerminated)
