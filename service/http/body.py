"""Reading a request's body by ASGI, and noticing that the client has gone."""

import asyncio
from collections.abc import Coroutine, Mapping
from typing import Any, TypeVar

from starlette.types import Message, Receive

from service.core.errors import AbandonedError, TooLargeError

Answer = TypeVar("Answer")


async def read_body(receive: Receive, headers: Mapping[str, str], max_bytes: int) -> bytes:
    """Read a whole body.

    Raises:
        TooLargeError: it has, or says that it has, more than `max_bytes`.
        AbandonedError: the client went away before its end.
    """
    declared = headers.get("content-length", "")
    if declared.isdecimal() and int(declared) > max_bytes:
        raise _too_large(max_bytes)
    message = await receive()
    if message["type"] == "http.request" and not message.get("more_body"):
        body: bytes = message.get("body", b"")
        return body
    return await _read_rest(receive, message, max_bytes)


async def unless_gone(answer: Coroutine[Any, Any, Answer], receive: Receive) -> Answer:
    """Await `answer`, or cancel it and raise AbandonedError once the client has gone.

    The request's body must have been read.
    """
    answering = asyncio.ensure_future(answer)
    watching = asyncio.ensure_future(_until_gone(receive))
    try:
        await asyncio.wait((answering, watching), return_when=asyncio.FIRST_COMPLETED)
        if not answering.done():
            raise AbandonedError("The client went away before its answer.")
        return answering.result()
    finally:
        answering.cancel()
        watching.cancel()


async def _until_gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def _read_rest(receive: Receive, message: Message, max_bytes: int) -> bytes:
    body = bytearray()
    while message["type"] == "http.request":
        body += message.get("body", b"")
        if len(body) > max_bytes:
            raise _too_large(max_bytes)
        if not message.get("more_body"):
            return bytes(body)
        message = await receive()
    raise AbandonedError("The client went away before the end of its request.")


def _too_large(max_bytes: int) -> TooLargeError:
    return TooLargeError(
        f"The body is over the limit of {max_bytes} bytes: send smaller images, or fewer in one "
        "request."
    )
