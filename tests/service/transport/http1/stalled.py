"""Requests that stop in the middle, and their answers."""

import json

from tests.service.transport.http1.wire import head


def assert_timed_out(sent: bytes) -> None:
    lines, _, body = sent.partition(b"\r\n\r\n")
    assert lines.startswith(b"HTTP/1.1 408 Request Timeout\r\n"), sent
    assert b"connection: close" in lines
    assert b"content-type: application/problem+json" in lines
    problem = json.loads(body)
    assert (problem["status"], problem["title"]) == (408, "Request timeout")


STALLED = {
    "headers": head()[:40],
    "a URL": b"GET /senti",
    "a header's value": b"GET / HTTP/1.1\r\nHost: a\r\nX: b",
    "a small body": head("Content-Length: 1000") + b"four",
    "a large body": head("Content-Length: 100000") + b"four",
    "no body at all": head("Content-Length: 1000"),
    "another path's body": head("Content-Length: 1000", path="/other") + b"four",
    "a chunked body": head("Transfer-Encoding: chunked") + b"4\r\nfour\r\n",
    "a chunk's size": head("Transfer-Encoding: chunked") + b"4",
    "trailers": head("Transfer-Encoding: chunked") + b"4\r\nfour\r\n0\r\nX: y\r\n",
    "after an offer to upgrade": head("Content-Length: 9", "Connection: Upgrade", "Upgrade: h2c"),
}
