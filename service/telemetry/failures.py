"""Exceptions as the log shows them: what was raised and where, but not what it says.

The message of an exception may quote what a caller sent: that of `int("...")` does, and those of
TensorFlow. So only the messages of exceptions whose kind can't quote it are shown.
"""

import traceback
from collections.abc import Iterator
from typing import Final

_SHOWN: Final = frozenset(
    {
        "CorruptModelError",
        "MemoryError",
        "UnwritableModelsError",
        # TensorFlow's, about the machine and the model
        "FailedPreconditionError",
        "InternalError",
        "ResourceExhaustedError",
        "UnavailableError",
        "UnimplementedError",
    }
)
_CAUSE: Final = "\nThe exception above is the direct cause of the next one:\n\n"
_CONTEXT: Final = "\nWhile the exception above was handled, another was raised:\n\n"


def described(error: BaseException) -> str:
    """Return an exception's traceback, with those of its causes, and few messages."""
    return "".join(_lines(error)).rstrip("\n")


def _lines(error: BaseException) -> Iterator[str]:
    if error.__cause__ is not None:
        yield from _lines(error.__cause__)
        yield _CAUSE
    elif error.__context__ is not None and not error.__suppress_context__:
        yield from _lines(error.__context__)
        yield _CONTEXT
    yield "Traceback (most recent call last):\n"
    yield from traceback.format_tb(error.__traceback__)
    yield f"{type(error).__qualname__}{_message(error)}\n"
    if isinstance(error, BaseExceptionGroup):
        for one in error.exceptions:
            yield from _lines(one)


def _message(error: BaseException) -> str:
    if isinstance(error, OSError):
        return f": {error.strerror}" if error.strerror else ""
    return f": {error}" if type(error).__name__ in _SHOWN and str(error) else ""
