"""Headers: their compression (HPACK, RFC 7541), and the rules for requests (RFC 9113, 8)."""

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from hpack import Decoder, HPACKDecodingError, HPACKError, OversizedHeaderListError
from hpack.table import HeaderTable

from service.transport.http2.frames import BrokenConnectionError, BrokenStreamError, ErrorCode

MAX_HEADER_LIST: Final = 32 * 1024
"""Bytes that a request's headers may have, compressed or not, counted as RFC 9113, 6.5.2 does."""

_CACHED_BLOCKS: Final = 16
_CACHED_SIZE: Final = 1024  # bytes: larger heads aren't cached

_MAX_TABLE_UPDATES: Final = 2  # at the start of a block (RFC 7541, 4.2)

_NAME: Final = re.compile(rb"[!#$%&'*+\-.^_`|~0-9a-z]+")
_BAD_VALUE: Final = re.compile(rb"[\x00\r\n]")
_METHOD: Final = re.compile(rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_SCHEME: Final = re.compile(rb"[A-Za-z][A-Za-z0-9+\-.]*")
_PATH: Final = re.compile(rb"/[\x21-\x7e]*|\*")
_PSEUDO: Final = {b":method", b":scheme", b":authority", b":path"}
_OF_A_CONNECTION: Final = {
    b"connection",
    b"keep-alive",
    b"proxy-connection",
    b"transfer-encoding",
    b"upgrade",
}

Fields = list[tuple[bytes, bytes]]


@dataclass(slots=True)
class RequestHead:
    """A request without its body. If a header is repeated, its values are joined by ", ".

    Cookies are joined by "; " (RFC 9113, 8.2.3). The path of a CONNECT request is empty. `size` is
    in bytes, counted as RFC 9113, 6.5.2 does.
    """

    method: str
    path: str
    headers: dict[str, str]
    content_length: int | None
    size: int


class _Table(HeaderTable):
    """A dynamic table that counts its changes."""

    def __init__(self) -> None:
        super().__init__()
        self.generation = 0
        self.updates = 0
        """How often the block that is being decoded has changed the table's size."""

    def add(self, name: bytes, value: bytes) -> None:
        """Add an entry, which may remove others."""
        self.generation += 1
        super().add(name, value)

    @property
    def maxsize(self) -> int:
        """The most bytes that the table holds."""
        return self._maxsize

    @maxsize.setter
    def maxsize(self, size: int) -> None:
        self.generation += 1
        self.updates += 1
        if self.updates > _MAX_TABLE_UPDATES:  # each byte of a block could be another one
            raise HPACKDecodingError("too many changes of the table's size")
        HeaderTable.maxsize.fset(self, size)  # type: ignore[attr-defined]


class HeaderReader:
    """Reads the header blocks of one connection, in order.

    Clients send the same block again and again. A block that doesn't change the dynamic table means
    the same until another block changes it. So its head is cached until then.
    """

    def __init__(self) -> None:
        """Start with an empty table of the default size, 4,096 bytes (RFC 9113, 6.5.2)."""
        self._decoder = Decoder(max_header_list_size=MAX_HEADER_LIST)
        self._table = self._decoder.header_table = _Table()
        self._heads: dict[bytes, RequestHead] = {}

    def request(self, block: bytes) -> RequestHead:
        """Return the head of the request that a block begins.

        Raises:
            BrokenConnectionError: the block can't be decoded.
            BrokenStreamError: the block is valid, but isn't a request.
        """
        head = self._heads.get(block)
        if head is None:
            generation = self._table.generation
            head = _request(self.fields(block))
            if generation == self._table.generation and head.size <= _CACHED_SIZE:
                if len(self._heads) >= _CACHED_BLOCKS:
                    self._heads.clear()
                self._heads[block] = head
        return head

    def fields(self, block: bytes) -> Fields:
        """Return a block's fields. Raises BrokenConnectionError if it can't be decoded."""
        generation, self._table.updates = self._table.generation, 0
        try:
            fields = self._decoder.decode(block, raw=True)
        except OversizedHeaderListError:
            # The rest isn't decoded, so the table, and with it the connection, can't be used any
            # more.
            raise too_many_headers() from None
        except HPACKError:
            raise BrokenConnectionError(
                ErrorCode.COMPRESSION_ERROR, "headers that HPACK can't decode"
            ) from None
        if generation != self._table.generation:
            self._heads.clear()
        return list(fields)


def too_many_headers() -> BrokenConnectionError:
    """Return what to raise when headers are longer than `MAX_HEADER_LIST`."""
    return BrokenConnectionError(
        ErrorCode.ENHANCE_YOUR_CALM, f"headers over {MAX_HEADER_LIST} bytes"
    )


def check_trailers(fields: Fields) -> None:
    """Raise BrokenStreamError if these fields aren't valid trailers (RFC 9113, 8.1)."""
    for name, value in fields:
        _check_field(name, value)


def _request(fields: Fields) -> RequestHead:
    pseudo: dict[bytes, bytes] = {}
    headers: dict[str, str] = {}
    for name, value in fields:
        if name.startswith(b":"):
            if headers or name in pseudo or name not in _PSEUDO or _BAD_VALUE.search(value):
                raise BrokenStreamError(ErrorCode.PROTOCOL_ERROR)
            pseudo[name] = value
        else:
            _check_field(name, value)
            _add(headers, name.decode("ascii"), value.strip(b" \t").decode("latin-1"))
    _check_pseudo(pseudo)
    return RequestHead(
        pseudo[b":method"].decode("ascii"),
        pseudo.get(b":path", b"").decode("ascii"),
        headers,
        _content_length(headers.get("content-length")),
        sum(len(name) + len(value) + 32 for name, value in fields),
    )


def _add(headers: dict[str, str], name: str, value: str) -> None:
    if name in headers:
        value = f"{headers[name]}{'; ' if name == 'cookie' else ', '}{value}"
    headers[name] = value


def _check_pseudo(pseudo: dict[bytes, bytes]) -> None:
    """Check that what a request must have is there and valid (RFC 9113, 8.3.1 and 8.5)."""
    method = pseudo.get(b":method", b"")
    if method == b"CONNECT":
        is_valid = pseudo.keys() == {b":method", b":authority"}
    else:
        path = pseudo.get(b":path", b"")
        is_valid = (
            _METHOD.fullmatch(method) is not None
            and _SCHEME.fullmatch(pseudo.get(b":scheme", b"")) is not None
            and _PATH.fullmatch(path) is not None
            and (path != b"*" or method == b"OPTIONS")
        )
    if not is_valid:
        raise BrokenStreamError(ErrorCode.PROTOCOL_ERROR)


def _check_field(name: bytes, value: bytes) -> None:
    """Refuse what isn't a field, and fields about the connection (RFC 9113, 8.2)."""
    if (
        not _NAME.fullmatch(name)
        or _BAD_VALUE.search(value)
        or name in _OF_A_CONNECTION
        or (name == b"te" and value.lower() != b"trailers")
    ):
        raise BrokenStreamError(ErrorCode.PROTOCOL_ERROR)


def _content_length(value: str | None) -> int | None:
    if value is None:
        return None
    if not (value.isascii() and value.isdecimal()) or len(value) > 18:
        raise BrokenStreamError(ErrorCode.PROTOCOL_ERROR)
    return int(value)


def encoded_status(status: int) -> bytes:
    """Return the `:status` of an answer: literally, with the name's index (RFC 7541, 6.2.2)."""
    return b"\x08" + _string(str(status))


_LENGTHS: Final = [bytes((size,)) for size in range(127)]


@lru_cache
def _encoded_name(name: str) -> bytes:
    return b"\x00" + _string(name)


def encoded_field(name: str, value: str) -> bytes:
    """Return a field of an answer: a literal without indexing (RFC 7541, 6.2.2)."""
    data = value.encode("ascii")
    size = len(data)
    length = _LENGTHS[size] if size < 127 else _integer(size)
    return _encoded_name(name) + length + data


def _string(text: str) -> bytes:
    """Encode a string without Huffman's code (RFC 7541, 5.2)."""
    data = text.encode("ascii")
    return _integer(len(data)) + data


def _integer(value: int) -> bytes:
    """Encode an integer with a prefix of 7 bits (RFC 7541, 5.1)."""
    if value < 127:
        return bytes((value,))
    encoded, value = bytearray((127,)), value - 127
    while value >= 128:
        encoded.append(value & 127 | 128)
        value >>= 7
    encoded.append(value)
    return bytes(encoded)
