"""The inputs by number: each is made from the seed and its number alone."""

from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import Final

from tests.service.fuzzing.damage import damaged
from tests.service.fuzzing.http_requests import clear_request
from tests.service.fuzzing.smuggling import smuggled


@dataclass(frozen=True, slots=True)
class Input:
    """What is sent on a connection, and what may come back."""

    kind: str
    data: bytes
    is_clear: bool = False
    """Whether it is one request whose end is clear: it gets one answer, on any connection."""
    has_body: bool = True
    """Whether its answers have bodies."""
    most_answers: int = 1


def input_of(seed: int, number: int) -> Input:
    """Return an input; the same arguments give the same one."""
    source = Random(f"{seed}/{number}")
    return source.choice(_KINDS)(source)


def _clear(source: Random) -> Input:
    data, has_body = clear_request(source)
    return Input("clear", data, is_clear=True, has_body=has_body)


def _smuggled(source: Random) -> Input:
    return Input("smuggled", smuggled(source))


def _damaged(source: Random) -> Input:
    """Return a few requests with damage anywhere: heads, lengths, chunks, bodies."""
    requests = [clear_request(source) for _ in range(source.choice((1, 1, 2, 5)))]
    data = b"".join(data for data, has_body in requests if has_body)
    head_end = data.find(b"\r\n\r\n") + 4
    head = damaged(source, data[:head_end])
    return Input("damaged", head + data[head_end:], most_answers=1 + len(data))


def _noise(source: Random) -> Input:
    start = source.choice(
        (b"", b"GET ", b"POST /classify HTTP/1.1\r\n", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")
    )
    return Input(
        "noise", start + source.randbytes(source.choice((1, 30, 3_000))), most_answers=3_000
    )


_KINDS: Final[tuple[Callable[[Random], Input], ...]] = (
    *[_clear] * 14,
    *[_smuggled] * 3,
    *[_damaged] * 2,
    _noise,
)
