"""What the kernel holds of a connection's output until the client's machine has received it."""

import asyncio
import fcntl
import sys
import termios


def unreceived(transport: asyncio.BaseTransport) -> int:
    """Return how many bytes the kernel holds.

    It accepts more from us only when many of them have been sent, which can take minutes with a
    slow client.
    """
    if sys.platform != "linux":
        return 0
    count = bytearray(4)
    fcntl.ioctl(transport.get_extra_info("socket").fileno(), termios.TIOCOUTQ, count)
    return int.from_bytes(count, sys.byteorder)
