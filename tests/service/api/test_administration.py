"""The administration's calls, with an engine that never gets done."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette

from service.api.trident.administration import Administration
from service.api.trident.label_moves import put_back, read_labels
from service.engine.folder.labels import move_label
from service.errors import CorruptModelError, UnknownModelError

CALLS = [("POST", "/models/reload"), *((m, "/models/a/labels/b") for m in ("PUT", "DELETE"))]


class BusyRollout:
    """A scan that never ends."""

    async def rescan(self) -> None:
        await asyncio.Event().wait()


class FakeEngine:
    """An engine as it is before it loads anything, unless it has a rollout."""

    def __init__(self) -> None:
        self.rollout: BusyRollout | None = None


@pytest.fixture
def engine() -> FakeEngine:
    return FakeEngine()


@pytest.fixture
async def http(engine: Any, models: Path) -> AsyncIterator[httpx.AsyncClient]:
    administration = Administration(engine, models, request_timeout=0.05)
    transport = httpx.ASGITransport(Starlette(routes=administration.routes()))
    async with httpx.AsyncClient(transport=transport, base_url="http://a") as c:
        yield c


@pytest.fixture
def models(tmp_path: Path) -> Path:
    for version in ("1", "2", "3"):
        (tmp_path / "a" / version).mkdir(parents=True)
    serving = {"labels": {"b": 1, "stable": 1, "canary": 2}, "canary_share": 0.25}
    (tmp_path / "a" / "serving.json").write_text(json.dumps(serving))
    return tmp_path


@pytest.mark.parametrize(("method", "path"), CALLS)
async def test_what_takes_too_long_is_said_to_go_on(
    http: httpx.AsyncClient, engine: FakeEngine, method: str, path: str
) -> None:
    engine.rollout = BusyRollout()
    answer = await http.request(method, path, json={"version": 1})
    assert answer.status_code == 504
    assert "goes on" in answer.json()["detail"]


@pytest.mark.parametrize(("method", "path"), CALLS)
async def test_before_anything_is_loaded_the_service_is_not_ready(
    http: httpx.AsyncClient, method: str, path: str, models: Path
) -> None:
    file = models / "a" / "serving.json"
    before = file.read_text()
    answer = await http.request(method, path, json={"version": 1})
    assert (answer.status_code, answer.json()["title"]) == (503, "Not ready")
    assert file.read_text() == before


@pytest.mark.parametrize("version", [0, -1, 10**9, 10**300, 1.5, "1", None])
async def test_a_version_that_no_folder_can_have_is_refused(
    http: httpx.AsyncClient, engine: Any, version: Any
) -> None:
    engine.rollout = BusyRollout()
    answer = await http.put("/models/a/labels/b", json={"version": version})
    assert (answer.status_code, answer.json()["title"]) == (400, "Malformed request")
    assert len(answer.json()["detail"]) < 500


async def test_a_defect_is_logged_with_the_requests_id(
    http: httpx.AsyncClient, engine: Any, caplog: pytest.LogCaptureFixture
) -> None:
    engine.rollout = object()
    answer = await http.post("/models/reload", headers={"x-request-id": "mine"})
    assert (answer.status_code, answer.headers["x-request-id"]) == (500, "mine")
    assert "AttributeError" not in answer.text
    assert "request mine failed" in caplog.text


@pytest.mark.parametrize(
    ("label", "version", "share"),
    [("b", 2, None), ("new", 3, None), ("stable", 2, None), ("canary", 3, 0.9), ("canary", 1, 0.0)],
)
def test_a_move_is_undone(models: Path, label: str, version: int, share: float | None) -> None:
    """That of `stable` to the canary's version too, which ends the canary."""
    before = read_labels(models, "a")
    move_label(models, "a", label, version, share)
    assert read_labels(models, "a") != before
    assert put_back(models, "a", label, version, before)
    assert read_labels(models, "a") == before


def test_a_label_that_has_been_moved_on_stays(models: Path) -> None:
    before = read_labels(models, "a")
    move_label(models, "a", "b", 2)
    move_label(models, "a", "b", 3)
    assert not put_back(models, "a", "b", 2, before)
    assert read_labels(models, "a").versions["b"] == 3


@pytest.mark.parametrize("name", ["nobody", "..", ".", "", "a/1", "file"])
def test_only_a_models_folder_is_read(models: Path, name: str) -> None:
    (models / "file").touch()
    with pytest.raises(UnknownModelError):
        read_labels(models, name)


def test_a_folder_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(CorruptModelError, match="nowhere can't be read"):
        read_labels(tmp_path / "nowhere", "a")
