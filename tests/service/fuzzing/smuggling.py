"""Requests that hide a second one: what servers and proxies have understood differently.

Each must be answered once, and its connection closed: whoever answers the hidden request as a
request of its own lets a caller speak in another caller's name (RFC 9112, 11.2).
"""

from random import Random
from typing import Final

_HIDDEN: Final = b"GET /livez HTTP/1.1\r\nHost: hidden\r\nX-Hidden: 1\r\n\r\n"
_TEXT: Final = b"a fine film"

# What isn't exactly `Transfer-Encoding: chunked`; some servers take it for that.
_ODD_CODINGS: Final = (
    b"Transfer-Encoding: xchunked", b"Transfer-Encoding : chunked",
    b"Transfer-Encoding: chunked, identity", b"Transfer-Encoding: identity, chunked",
    b"Transfer-Encoding: chunked\r\nTransfer-Encoding: x",
    b"Transfer-Encoding: x\r\nTransfer-Encoding: chunked", b"Transfer-Encoding: chunked, chunked",
    b"Transfer-Encoding:\x0bchunked", b"Transfer-Encoding: \x0cchunked",
    b"Transfer-Encoding: chunked\x00", b"Transfer-Encoding: 'chunked'",
    b'Transfer-Encoding: "chunked"', b"Transfer-Encoding: chunked;a=b",
    b"X: a\nTransfer-Encoding: chunked", b"X: a\rTransfer-Encoding: chunked",
    b"Transfer-Encoding\r\n: chunked", b"Transfer-Encoding:\r\n chunked",
    b"Transfer-Encoding:\n chunked", b" Transfer-Encoding: chunked",
    b"\tTransfer-Encoding: chunked", b"Transfer-Encoding: chu\x00nked",
    b"Transfer-Encoding: chunked\xa0", b"Transfer\x00-Encoding: chunked",
    b"Transfer_Encoding: chunked\x00", b"Transfer-Encoding: gzip, chunked",
    b"Transfer-Encoding: CHUNKED,", b"Transfer-Encoding: ,chunked", b"Transfer-Encoding: chunked\r",
    b"Transfer-Encoding: chunked\r\n\tidentity", b"Transfer-Encoding",
    b"Transfer-Encoding: \xe7hunked",
)  # fmt: skip
# A length that some servers read as another; %d is the length of everything that follows.
_ODD_LENGTHS: Final = (
    b"Content-Length: +%d", b"Content-Length: 0x%x", b"Content-Length: -%d",
    b"Content-Length: %d, 3", b"Content-Length: 3\r\nContent-Length: %d",
    b"Content-Length: %d\r\nContent-Length: 3", b"Content-Length: 3 %d", b"Content-Length: %d.0",
    b"Content-Length: %de0", b"Content-Length : %d", b"Content-Length:\r\n %d",
    b"Content-Length: %d\x00", b"Content-Length: 1\n%d", b"Content-Length: '%d'",
    b"Content-Length: 18446744073709551616%d", b"Content-Length: 1844674407370955161%d",
    b"Content-Length: %d\nX: a", b"Content-Length: %d\rX: a", b"Content-Length: \xd9\xa1%d",
    b"Content-Length: %d_0", b"Content-Length: ", b"Content-Length: %d;", b"Content-Length\x00: %d",
    b"\x00Content-Length: %d",
)  # fmt: skip
# The size of a chunk of eleven bytes that some servers read as another.
_ODD_SIZES: Final = (
    b"+b", b"-b", b"0xb", b"b ;a", b"b\n", b"b\r", b"b;a\nb", b"b;a\rb", b'b;a="\r\n',
    b"\xef\xbc\xa2", b"b_", b"1000000000000000b", b"ffffffffffffffffb", b"b\t\x0b", b"\x00b",
    b"b\x00", b" b", b"\r\nb", b"b,0", b"",
)  # fmt: skip


def smuggled(source: Random) -> bytes:
    """Return a request with another hidden in or behind it."""
    return source.choice(_WAYS)(source)


def _length_and_chunks(source: Random) -> bytes:
    """CL.TE and TE.CL: the shorter end is before the hidden request."""
    if source.random() < 0.5:
        body = b"0\r\n\r\n" + _HIDDEN
        length = b"Content-Length: %d" % len(body)
    else:
        body = b"%x\r\n%s\r\n0\r\n\r\n" % (len(_HIDDEN), _HIDDEN)
        length = b"Content-Length: 4"
    headers = [length, _spelled(source, b"Transfer-Encoding: chunked")]
    source.shuffle(headers)
    return _head(source, *headers) + body


def _odd_coding(source: Random) -> bytes:
    """TE.TE: a coding that only one side takes for chunked, and a length."""
    body = b"0\r\n\r\n" + _HIDDEN
    headers = [b"Content-Length: %d" % len(body), source.choice(_ODD_CODINGS)]
    if source.random() < 0.3:
        headers.append(source.choice(_ODD_CODINGS))
    source.shuffle(headers)
    return _head(source, *headers) + body


def _odd_length(source: Random) -> bytes:
    body = _TEXT[:3] + _HIDDEN
    length = source.choice(_ODD_LENGTHS)
    return _head(source, length % len(body) if b"%" in length else length) + body


def _odd_chunk(source: Random) -> bytes:
    size = source.choice(_ODD_SIZES)
    body = b"%s\r\n%s\r\n0\r\n\r\n%s" % (size, _TEXT, _HIDDEN)
    return _head(source, b"Transfer-Encoding: chunked") + body


def _odd_chunk_end(source: Random) -> bytes:
    """A chunk that is longer than its size, or isn't ended by CR LF."""
    end = source.choice((b"X\r\n", b"\n", b"\r", b"", b"\r\r\n", b"  \r\n", b"\x00\r\n"))
    body = b"b\r\n%s%s0\r\n\r\n%s" % (_TEXT, end, _HIDDEN)
    return _head(source, b"Transfer-Encoding: chunked") + body


def _odd_trailer(source: Random) -> bytes:
    trailer = source.choice(
        (b"X\r\n", b"X: a\n\r\n", b" folded\r\n", b"X : a\r\n", b"\x00: a\r\n", b": a\r\n")
    )
    body = b"b\r\n%s\r\n0\r\n%s\r\n%s" % (_TEXT, trailer, _HIDDEN)
    return _head(source, b"Transfer-Encoding: chunked") + body


def _body_of_a_request_that_needs_none(source: Random) -> bytes:
    """CL.0: the request is answered without its body, which is the hidden request."""
    method = source.choice((b"GET", b"DELETE", b"OPTIONS", b"PUT", b"POST"))
    path = source.choice(
        (b"/livez", b"/", b"/docs.json", b"/nowhere", b"/models/reload", b"/models/a")
    )
    expect = source.choice(
        ([], [b"Expect: 100-continue"], [b"Upgrade: h2c", b"Connection: upgrade"])
    )
    length = b"Content-Length: %d" % len(_HIDDEN)
    return b"%s %s HTTP/1.1\r\nHost: a\r\n" % (method, path) + _lines(length, *expect) + _HIDDEN


def _body_that_is_refused(source: Random) -> bytes:
    """The answer comes before the body: what follows is still the body."""
    headers = source.choice(
        (
            (b"Content-Length: 999999999", b"Content-Type: text/plain"),
            (
                b"Content-Length: 1000",
                b"Content-Type: application/unknown",
                b"Expect: 100-continue",
            ),
            (b"Content-Length: 100000", b"Content-Encoding: unknown"),
        )
    )
    return b"POST /sentiment HTTP/1.1\r\nHost: a\r\n" + _lines(*headers) + _HIDDEN


def _hidden_by_a_fault(source: Random) -> bytes:
    """A fault in the head, behind which a lenient server finds another request."""
    fault = source.choice(
        (
            b"X: a\r\n \r\n" + _HIDDEN,  # a folded line
            b"X: a\n\n" + _HIDDEN,
            b"X: a\r\r" + _HIDDEN,
            b"X: a\r\n\n" + _HIDDEN,
            b"X: a\x00\r\n\r\n" + _HIDDEN,
            b"Host: b\r\n\r\n" + _HIDDEN,
            b"Host : b\r\n\r\n" + _HIDDEN,
            b"no colon\r\n\r\n" + _HIDDEN,
            b": no name\r\n\r\n" + _HIDDEN,
            b"X y: a\r\n\r\n" + _HIDDEN,
            b"\x80: a\r\n\r\n" + _HIDDEN,
        )
    )
    return (
        source.choice((b"GET /livez HTTP/1.1\r\n", b"POST /sentiment HTTP/1.1\r\n"))
        + b"Host: a\r\n"
        + fault
    )


def _odd_first_line(source: Random) -> bytes:
    line = source.choice(
        (
            b"GET  /livez HTTP/1.1", b"GET\t/livez HTTP/1.1", b" GET /livez HTTP/1.1",
            b"GET /livez HTTP/1.1 ", b"GET /livez  HTTP/1.1", b"GET /livez", b"GET /livez HTTP/0.9",
            b"GET /livez HTTP/1.2", b"GET /livez HTTP/2.0", b"GET /livez HTTP/1.1\n",
            b"GET /livez HTTP/01.1", b"GET /livez HTTP/1.10", b"GET /livez http/1.1",
            b"GET /a b HTTP/1.1", b"GET /\x00 HTTP/1.1", b"GET /\x7f HTTP/1.1",
            b"get /livez HTTP/1.1", b"G\x00T / HTTP/1.1", b"GET livez HTTP/1.1", b"GET * HTTP/1.1",
            b"CONNECT a:1 HTTP/1.1", b"PRI * HTTP/2.0", b"GET http:// HTTP/1.1",
            b"GET http://a:99999999/ HTTP/1.1", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
            b"GET /livez HTTP/1.1\rX",
        )
    )  # fmt: skip
    length = b"Content-Length: %d" % len(_HIDDEN)
    return line + b"\r\n" + _lines(b"Host: a", length) + _HIDDEN


def _head(source: Random, *headers: bytes) -> bytes:
    path = source.choice(
        (b"/sentiment", b"/sentiment", b"/livez", b"/nowhere", b"/models/sentiment")
    )
    version = b"1.0" if source.random() < 0.05 else b"1.1"
    lines = [b"Host: a", b"Content-Type: text/plain", *headers]
    return b"POST %s HTTP/%s\r\n" % (path, version) + _lines(*lines)


def _lines(*headers: bytes) -> bytes:
    return b"\r\n".join(headers) + b"\r\n\r\n"


def _spelled(source: Random, header: bytes) -> bytes:
    """Return a header as it may be spelled."""
    name, _, value = header.partition(b": ")
    name = source.choice((name, name.lower(), name.upper()))
    return (
        name + source.choice((b": ", b":", b":\t", b":   ")) + source.choice((value, value.upper()))
    )


_WAYS: Final = (
    *[_length_and_chunks] * 2,
    *[_odd_coding] * 3,
    *[_odd_length] * 2,
    *[_odd_chunk] * 2,
    _odd_chunk_end,
    _odd_trailer,
    _body_of_a_request_that_needs_none,
    _body_that_is_refused,
    _hidden_by_a_fault,
    _odd_first_line,
)
