"""When a worker says that it is ready, and what it does when it is told to stop."""

import asyncio
import gc
import socket
from typing import Any

import pytest

from service.admission import Account
from service.api.grpc_server import GrpcServer
from service.bento import lifecycle
from service.bento.lifecycle import Lifecycle
from service.transport.pace import TimeLimits
from tests.service.live_server import free_port
from tests.service.transport.grpc.wire import eventually

HOST = "127.0.0.1"
PATIENCE = 20.0  # seconds


class FakeEngine:
    """Loads and closes when the test lets it."""

    def __init__(self) -> None:
        self.account = Account(2**20)
        self.may_load = asyncio.Event()
        self.may_close = asyncio.Event()

    async def load(self) -> None:
        await self.may_load.wait()

    async def close(self) -> None:
        await self.may_close.wait()


def worker(engine: Any, port: int, *, share_port: bool = False) -> Lifecycle:
    server = GrpcServer(
        engine,
        host=HOST,
        port=port,
        share_port=share_port,
        max_body_bytes=1000,
        request_timeout=5.0,
        time_limits=TimeLimits(),
        admit=lambda _: "-",
    )
    return Lifecycle(engine, server, drain_timeout=0.0)


async def connects(port: int) -> bool:
    try:
        _, writer = await asyncio.open_connection(HOST, port)
    except ConnectionRefusedError:
        return False
    writer.close()
    return True


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lifecycle, "_LISTEN_AGAIN_SECONDS", 0.05)
    monkeypatch.setattr(lifecycle, "_CLOSE_SECONDS", 0.1)
    # These parts are for a process that serves, and has TensorFlow loaded.
    monkeypatch.setattr(lifecycle, "tensorflow_version", lambda: "none")
    monkeypatch.setattr(gc, "freeze", lambda: None)


async def test_a_worker_is_ready_when_its_models_are_loaded_until_it_stops() -> None:
    engine = FakeEngine()
    life = worker(engine, free_port())
    await life.start()
    assert not life.ready
    engine.may_load.set()
    await eventually(lambda: life.ready)
    life.begin_stop()
    await asyncio.sleep(0)
    assert not life.ready
    engine.may_close.set()
    await asyncio.wait_for(life.stop(), PATIENCE)


@pytest.mark.parametrize("share_port", [False, True])
async def test_a_worker_is_not_ready_while_grpc_can_not_listen(
    caplog: pytest.LogCaptureFixture, *, share_port: bool
) -> None:
    engine, port = FakeEngine(), free_port()
    engine.may_load.set()
    engine.may_close.set()
    life = worker(engine, port, share_port=share_port)
    with socket.create_server((HOST, port)):
        await life.start()
        await eventually(lambda: caplog.text.count("gRPC can't listen") > 1)
        assert not life.ready
        assert str(port) in caplog.text
    await eventually(lambda: life.ready)
    assert await connects(port)
    await life.stop()
    assert not life.ready
    assert not await connects(port)


async def test_a_worker_stops_although_its_engine_never_closes() -> None:
    engine = FakeEngine()
    life = worker(engine, free_port())
    await life.start()
    await asyncio.wait_for(life.stop(), PATIENCE)


async def test_a_worker_that_stops_while_it_loads_is_never_ready() -> None:
    engine, port = FakeEngine(), free_port()
    life = worker(engine, port)
    await life.start()
    life.begin_stop()
    engine.may_load.set()
    engine.may_close.set()
    await life.stop()
    assert not life.ready
    assert not await connects(port)
