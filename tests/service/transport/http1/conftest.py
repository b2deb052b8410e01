"""Connections in the test's own event loop, looked at fifty times a second."""

import asyncio

import pytest
import uvloop

from tests.service.transport.http1.serving import TICK


@pytest.fixture(params=[asyncio.DefaultEventLoopPolicy, uvloop.EventLoopPolicy])
def event_loop_policy(request: pytest.FixtureRequest) -> asyncio.AbstractEventLoopPolicy:
    policy: asyncio.AbstractEventLoopPolicy = request.param()
    return policy


@pytest.fixture(autouse=True)
def _fast_ticks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("service.transport.http1.ticker._TICK", TICK)
