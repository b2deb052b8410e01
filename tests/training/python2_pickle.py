"""Pickles as Python 2 wrote them, which is what MNIST comes in."""

import io
import pickle
import struct
from typing import Any


class _Pickler(pickle._Pickler):
    """Python 2 had an instruction for byte strings; Python 3 works around it in protocol 2."""

    dispatch = pickle._Pickler.dispatch.copy()

    def save_bytes(self, content: bytes) -> None:
        self.write(b"T" + struct.pack("<i", len(content)) + content)  # type: ignore[attr-defined]

    dispatch[bytes] = save_bytes  # type: ignore[assignment]


def dumps(content: Any) -> bytes:
    """`content` pickled with byte strings, by protocol 2."""
    buffer = io.BytesIO()
    _Pickler(buffer, protocol=2).dump(content)
    return buffer.getvalue()
