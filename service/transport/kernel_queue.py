"""What the kernel holds of a connection: output that isn't received, and input that isn't read."""

import asyncio
import fcntl
import sys
import termios


def unreceived(transport: asyncio.BaseTransport) -> int:
    """Return how many bytes of output the kernel holds until the client's machine has them.

    It accepts more from us only when many of them have been sent, which can take minutes with a
    slow client.
    """
    return _count(transport, termios.TIOCOUTQ) if sys.platform == "linux" else 0


def has_unread(transport: asyncio.BaseTransport) -> bool:
    """Tell whether something from the client waits in the kernel. False if it can't be known."""
    return _count(transport, termios.FIONREAD) > 0 if sys.platform == "linux" else False


def _count(transport: asyncio.BaseTransport, question: int) -> int:
    """Return how many bytes the kernel holds; 0 if the connection is closed."""
    number = transport.get_extra_info("socket").fileno()
    if number < 0:
        return 0
    count = bytearray(4)
    fcntl.ioctl(number, question, count)
    return int.from_bytes(count, sys.byteorder)
