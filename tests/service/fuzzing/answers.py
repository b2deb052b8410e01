"""Reading a server's answers, and telling what is wrong with them."""

import asyncio
import json
from dataclasses import dataclass
from typing import Final

from tests.service.fuzzing.bodies import PLANTED
from tests.service.fuzzing.inputs import Input

SAID_BY_DESIGN: Final = (501, 505)
"""The errors of the service that are right for some inputs: a transfer coding that it doesn't
have and CONNECT; a version of HTTP that it doesn't speak. No clear request gets them."""

_NO_CONTENT: Final = (204, 304)


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer, header names in lower case."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def is_last(self) -> bool:
        """Whether the connection is closed after it."""
        return self.headers.get("connection", "").lower() == "close"


class UnreadableAnswerError(Exception):
    """What the server sent isn't an answer."""


async def read_answer(reader: asyncio.StreamReader, *, has_body: bool) -> Answer | None:
    """Return the next answer that isn't interim, or None at the end of the connection.

    Raises UnreadableAnswerError.
    """
    while True:
        try:
            head = await reader.readuntil(b"\r\n\r\n")
        except asyncio.IncompleteReadError as end:
            if end.partial:
                raise UnreadableAnswerError(f"it ends with {end.partial[:200]!r}") from None
            return None
        first, *lines = head[:-4].decode("latin-1").split("\r\n")
        version, _, status = first.partition(" ")
        if version != "HTTP/1.1" or not status[:3].isdecimal():
            raise UnreadableAnswerError(f"it begins with {first[:200]!r}")
        headers = {name.lower(): value for name, _, value in (x.partition(": ") for x in lines)}
        code = int(status[:3])
        if code >= 200:
            body = (
                await _read_body(reader, headers) if has_body and code not in _NO_CONTENT else b""
            )
            return Answer(code, headers, body)


async def _read_body(reader: asyncio.StreamReader, headers: dict[str, str]) -> bytes:
    try:
        if "content-length" in headers:
            return await reader.readexactly(int(headers["content-length"]))
        if headers.get("transfer-encoding") != "chunked":
            return await reader.read()
        body = b""
        while size := int(await reader.readuntil(b"\r\n"), 16):
            body += (await reader.readexactly(size + 2))[:-2]
        await reader.readexactly(2)
    except asyncio.IncompleteReadError as end:
        raise UnreadableAnswerError(f"its body ends after {len(end.partial)} bytes") from None
    return body


def fault_of(sent: Input, answers: list[Answer]) -> str | None:
    """Return what is wrong with the answers to an input, or None."""
    if len(answers) > sent.most_answers:
        return f"{len(answers)} answers, of which at most {sent.most_answers} should be"
    return next(filter(None, (_fault(sent, answer) for answer in answers)), None)


def _fault(sent: Input, answer: Answer) -> str | None:
    shown = f"{answer.status} {answer.body[:500]!r}"
    allowed = () if sent.is_clear else SAID_BY_DESIGN
    if answer.status >= 500 and answer.status not in allowed:
        return f"an error of the service: {shown}"
    everything = answer.body + repr(answer.headers).encode()
    if b"Traceback" in everything or b'File "' in everything:
        return f"a traceback: {shown}"
    if PLANTED.encode() in everything:
        return f"what was sent comes back: {shown}"
    if answer.status >= 400 and sent.has_body:
        return _fault_of_problem(answer, shown)
    return None


def _fault_of_problem(answer: Answer, shown: str) -> str | None:
    if answer.headers.get("content-type") != "application/problem+json":
        return f"an error without a problem document: {shown}"
    problem = json.loads(answer.body)
    if problem["status"] != answer.status or not problem["type"].startswith("urn:trident:problem:"):
        return f"a problem document that contradicts itself: {shown}"
    if not problem["detail"].endswith((".", "KEY'.")) or len(problem["detail"]) > 1_000:
        return f"a problem document without a short sentence: {shown}"
    return None
