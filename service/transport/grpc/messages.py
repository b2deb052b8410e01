"""Messages in a call's body: each has a prefix of five bytes (gRPC's PROTOCOL-HTTP2.md)."""

import asyncio
import struct
from typing import Final

from service.errors import MalformedRequestError, TooLargeError
from service.transport.compression import FORMATS, decompress
from service.transport.grpc.status import CallError, StatusCode

_PREFIX: Final = struct.Struct(">BL")  # whether it is compressed, and its length

_QUICK: Final = 4096  # compressed bytes; what they expand to takes a few milliseconds at most

ENCODINGS: Final = ("identity", *FORMATS)
"""The supported encodings of a request."""

Message = tuple[bool, bytes]
"""Whether a message is compressed, and its bytes as they were sent."""


class MessageReader:
    """Cuts a body, which arrives in parts, into its messages."""

    __slots__ = ("_buffer", "first", "limit")

    def __init__(self, limit: int) -> None:
        """Accept messages of at most `limit` bytes, as they are sent."""
        self._buffer: bytearray | None = None
        self.limit = limit
        self.first: tuple[bool, int] | None = None
        """Whether the first message is compressed, and its length, when its prefix is there."""

    @property
    def held(self) -> int:
        """How many bytes of the next message have arrived."""
        return len(self._buffer or b"")

    def read(self, data: bytes, *, is_last: bool) -> list[Message]:
        """Take a part; return the messages that are now complete.

        Raises:
            CallError: a message's length is over the limit, or the last one isn't complete.
        """
        if not self._buffer and len(data) >= _PREFIX.size:
            compressed, length = _PREFIX.unpack_from(data)
            if length == len(data) - _PREFIX.size:  # the usual case: one message, in one part
                self._note(compressed, length)
                return [(compressed != 0, data[_PREFIX.size :])]
        messages = self._cut(data)
        if is_last and self._buffer:
            raise CallError(StatusCode.INTERNAL, "The last message isn't complete.")
        return messages

    def _cut(self, data: bytes) -> list[Message]:
        if self._buffer is None:
            self._buffer = bytearray()
        buffer, start, messages = self._buffer, 0, []
        buffer += data
        while len(buffer) - start >= _PREFIX.size:
            compressed, length = _PREFIX.unpack_from(buffer, start)
            self._note(compressed, length)
            end = start + _PREFIX.size + length
            if end > len(buffer):
                break
            with memoryview(buffer) as view:
                messages.append((compressed != 0, bytes(view[start + _PREFIX.size : end])))
            start = end
        del buffer[:start]
        return messages

    def _note(self, compressed: int, length: int) -> None:
        _check_size(length, self.limit)
        if self.first is None:
            self.first = compressed != 0, length


def with_prefix(message: bytes) -> bytes:
    """Return a message in the form of a body, uncompressed."""
    return _PREFIX.pack(0, len(message)) + message


async def decompressed(data: bytes, encoding: str, limit: int) -> bytes:
    """Return a compressed message decompressed.

    Raises:
        CallError: it isn't in `encoding`, or is longer than `limit` bytes.
    """
    if encoding not in FORMATS:
        raise CallError(
            StatusCode.INTERNAL, "A message is compressed, but grpc-encoding names no encoding."
        )
    try:
        if len(data) <= _QUICK:
            return decompress(data, encoding, limit)
        return await asyncio.to_thread(decompress, data, encoding, limit)
    except TooLargeError:
        raise _too_large(limit) from None
    except MalformedRequestError:
        raise CallError(
            StatusCode.INTERNAL, f"A message can't be decompressed as {encoding}."
        ) from None


def _check_size(size: int, limit: int) -> None:
    if size > limit:
        raise _too_large(limit)


def _too_large(limit: int) -> CallError:
    return CallError(
        StatusCode.RESOURCE_EXHAUSTED,
        f"A message is over the limit of {limit} bytes: send fewer inputs.",
    )
