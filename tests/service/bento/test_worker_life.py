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
from service.bento.ready_mark import ReadyMark
from service.transport.grpc.call import Admitted
from service.transport.open_connections import OpenConnections
from service.transport.pace import TimeLimits
from service.transport.refusal_pacer import RefusalPacer
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

    def loaded(self) -> list[Any]:
        return []

    @property
    def loading(self) -> None:
        return None

    async def close(self) -> None:
        await self.may_close.wait()


def worker(engine: Any, port: int) -> Lifecycle:
    listening = socket.create_server((HOST, port))
    server = GrpcServer(
        engine,
        listening,
        max_body_bytes=1000,
        request_timeout=5.0,
        time_limits=TimeLimits(),
        admit=lambda _head, _address: Admitted("-"),
        refusals=RefusalPacer(),
        tls=None,
        connections=OpenConnections(),
    )
    return Lifecycle(engine, server, ReadyMark(None), drain_timeout=0.0, call_timeout=60.0)


async def connects(port: int) -> bool:
    try:
        _, writer = await asyncio.open_connection(HOST, port)
    except ConnectionRefusedError:
        return False
    writer.close()
    return True


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
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


async def test_a_worker_accepts_grpc_connections_from_its_start_to_its_stop() -> None:
    engine, port = FakeEngine(), free_port()
    life = worker(engine, port)
    await life.start()
    assert await connects(port)
    engine.may_close.set()
    await life.stop()
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
