"""Connections to a shared socket: each process accepts one at a time, and none is lost."""

import asyncio
import errno
import select
import socket
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from typing import Any, cast

import pytest

from service.transport.http1 import accepting
from service.transport.http1.accepting import SharingLoop

PATIENCE = 10.0  # seconds


class Echo(asyncio.Protocol):
    """Sends back what it receives, and counts the connections of its loop."""

    def __init__(self, opened: list[asyncio.Transport]) -> None:
        self._opened = opened

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is none by its class
        self._opened.append(self._transport)

    def data_received(self, data: bytes) -> None:
        self._transport.write(data)


class Full(socket.socket):
    """A socket of a process that can't open another file, for once."""

    refusals = 1

    def accept(self) -> tuple[socket.socket, Any]:
        if self.refusals:
            self.refusals -= 1
            raise OSError(errno.EMFILE, "Too many open files")
        return super().accept()


def listening(kind: Callable[[], socket.socket] = socket.socket) -> socket.socket:
    sock = kind()
    sock.bind(("127.0.0.1", 0))
    sock.listen(100)
    return sock


def run(scenario: Coroutine[Any, Any, None], loop: type[SharingLoop] = SharingLoop) -> None:
    with asyncio.Runner(loop_factory=loop) as runner:
        runner.run(asyncio.wait_for(scenario, PATIENCE))


async def say(sock: socket.socket, word: bytes) -> bytes:
    reader, writer = await asyncio.open_connection(*sock.getsockname())
    writer.write(word)
    answer = await reader.readexactly(len(word))
    writer.close()
    return answer


async def serve(sock: socket.socket, opened: list[asyncio.Transport]) -> Any:
    loop = asyncio.get_running_loop()
    return await loop.create_server(lambda: Echo(opened), sock=sock)


def test_every_connection_is_taken_and_answered() -> None:
    async def scenario() -> None:
        with listening() as sock:
            server = await serve(sock, [])
            words = [b"%d" % number for number in range(50)]
            assert await asyncio.gather(*(say(sock, word) for word in words)) == words
            server.close()

    run(scenario())


def test_a_burst_is_shared_with_a_process_that_wakes_later(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The other process (here it is the test) still finds all but one of them."""
    monkeypatch.setattr(accepting, "_TURN", PATIENCE)

    async def scenario() -> None:
        first = asyncio.Event()
        with listening() as sock, ExitStack() as clients:
            for _ in range(20):
                clients.enter_context(socket.create_connection(sock.getsockname()))
            with sock.dup() as same:
                loop = asyncio.get_running_loop()
                server = await loop.create_server(lambda: Greeted(first), sock=sock)
                await first.wait()
                await asyncio.sleep(0.05)
                assert waiting(same) == 19
                server.close()

    run(scenario())


class Greeted(asyncio.Protocol):
    """Tells of a connection."""

    def __init__(self, made: asyncio.Event) -> None:
        self._made = made

    def connection_made(self, _: asyncio.BaseTransport) -> None:
        self._made.set()


def waiting(sock: socket.socket) -> int:
    """Take all connections that wait; return how many there were."""
    count = 0
    while select.select([sock], [], [], 0)[0]:
        sock.accept()[0].close()
        count += 1
    return count


def test_a_connection_has_the_options_that_uvloop_gives_it() -> None:
    async def scenario() -> None:
        with listening() as sock:
            opened: list[asyncio.Transport] = []
            server = await serve(sock, opened)
            await say(sock, b"hello")
            made = opened[0].get_extra_info("socket")
            assert made.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
            assert opened[0].get_extra_info("peername")
            server.close()

    run(scenario())


def test_after_closing_no_more_is_taken_but_open_connections_stay() -> None:
    async def scenario() -> None:
        with listening() as sock:
            opened: list[asyncio.Transport] = []
            server = await serve(sock, opened)
            reader, writer = await asyncio.open_connection(*sock.getsockname())
            writer.write(b"a")
            assert await reader.readexactly(1) == b"a"
            server.close()
            await server.wait_closed()
            _, late = await asyncio.open_connection(*sock.getsockname())  # the kernel's queue
            writer.write(b"b")
            assert await reader.readexactly(1) == b"b"
            assert len(opened) == 1
            writer.close()
            late.close()

    run(scenario())


def test_a_process_without_room_for_more_tries_again_later(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(accepting, "_PAUSE", 0.01)

    async def scenario() -> None:
        with listening(Full) as sock:
            server = await serve(sock, [])
            assert await say(sock, b"patient") == b"patient"
            server.close()

    run(scenario())
    assert "Too many open files" in caplog.text


class LoadingLoop(SharingLoop):
    """The loop of a process that isn't ready."""

    @staticmethod
    def is_ready() -> bool:
        return False


def test_a_process_that_is_not_ready_leaves_connections_to_the_others() -> None:
    """It shares its socket with a thread that takes what comes, as a ready process would."""

    async def scenario() -> None:
        opened: list[asyncio.Transport] = []
        with listening() as sock, ThreadPoolExecutor(1) as other:
            with sock.dup() as same:
                server = await serve(sock, opened)
                for _ in range(20):
                    _, writer = await asyncio.open_connection(*sock.getsockname())
                    (await asyncio.wrap_future(other.submit(take, same))).close()
                    writer.close()
            assert opened == []
            server.close()

    run(scenario(), LoadingLoop)


def test_a_process_that_is_not_ready_takes_nothing_while_another_is_ready(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """However long connections wait: the other one may be busy. It takes them when it has ended."""
    monkeypatch.setattr(accepting, "_GLANCE", 0.001)
    ended = asyncio.Event()

    class OneOfTwo(LoadingLoop):
        @staticmethod
        def is_another_ready() -> bool:
            return not ended.is_set()

    async def scenario() -> None:
        opened: list[asyncio.Transport] = []
        with listening() as sock:
            server = await serve(sock, opened)
            asking = asyncio.create_task(say(sock, b"patient"))
            await asyncio.sleep(0.2)
            assert opened == []
            ended.set()
            assert await asking == b"patient"
            server.close()

    run(scenario(), OneOfTwo)


class EndingLoop(SharingLoop):
    """The loop of a process that is ready until it isn't, while another is all the time."""

    is_ending = False

    @classmethod
    def is_ready(cls) -> bool:
        return not cls.is_ending

    @staticmethod
    def is_another_ready() -> bool:
        return True


@pytest.mark.parametrize("closes", [False, True])
def test_a_process_that_ends_leaves_the_rest_of_a_burst_to_the_other(
    closes: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(accepting, "_TURN", 0.05)
    monkeypatch.setattr(EndingLoop, "is_ending", False)

    async def scenario() -> None:
        first = asyncio.Event()
        with listening() as sock, ExitStack() as clients, sock.dup() as same:
            for _ in range(20):
                clients.enter_context(socket.create_connection(sock.getsockname()))
            loop = asyncio.get_running_loop()
            server = await loop.create_server(lambda: Greeted(first), sock=sock)
            await first.wait()
            EndingLoop.is_ending = True
            if closes:
                server.close()
            await asyncio.sleep(0.2)
            assert waiting(same) == 19
            server.close()

    run(scenario(), EndingLoop)


def test_what_nobody_else_takes_is_answered_even_by_a_process_that_is_not_ready() -> None:
    async def scenario() -> None:
        with listening() as sock:
            server = await serve(sock, [])
            words = [b"a", b"b", b"c"]
            assert await asyncio.gather(*(say(sock, word) for word in words)) == words
            server.close()

    run(scenario(), LoadingLoop)


def take(sock: socket.socket) -> socket.socket:
    """Take a connection; `sock` may not block, as another process has it."""
    select.select([sock], [], [], PATIENCE)
    return sock.accept()[0]


def test_other_ways_to_listen_are_uvloops() -> None:
    async def scenario() -> None:
        loop = asyncio.get_running_loop()
        server = await loop.create_server(lambda: Echo([]), "127.0.0.1", 0)
        assert type(server).__module__ == "uvloop.loop"
        assert await say(server.sockets[0], b"plain") == b"plain"
        server.close()

    run(scenario())
