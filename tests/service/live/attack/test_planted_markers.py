"""Nothing of what callers send stays behind: in logs, traces, metrics, files or others' answers."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.service.drawings import encode
from tests.service.fuzzing.planted import Planted
from tests.service.live.attack import hostile_calls as calls
from tests.service.live.attack.conftest import ADMIN_KEY
from tests.service.live.collector import Collector
from tests.service.live_server import LiveServer, wait_for
from tests.service.some_keys import keys_setting

USABLE_ID = "a-request-id-that-is-shown"
ADDRESS = "127.0.0.77"
"""Of a caller. All of 127.0.0.0/8 is this machine, and nothing else here has this address."""


@pytest.fixture
def collector() -> Iterator[Collector]:
    receiving = Collector()
    yield receiving
    receiving.close()


@pytest.fixture(params=["text", "json"])
def observed(
    request: pytest.FixtureRequest,
    every_model: Path,
    demo_models: Path,
    collector: Collector,
    tmp_path: Path,
) -> Iterator[LiveServer]:
    """A server that reports everything that it can, and has a folder of its own for its files."""
    models = tmp_path / "models"
    models.mkdir()
    for model in (*every_model.iterdir(), demo_models / "slow"):
        (models / model.name).symlink_to(model)
    (tmp_path / "temporary").mkdir()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("OTEL_BSP_SCHEDULE_DELAY", "100")
        patch.setenv("TMPDIR", str(tmp_path / "temporary"))
        live = LiveServer(
            tmp_path,
            models,
            log_format=request.param,
            log_level="debug",
            access_log=True,
            traces=collector.url,
            keys=keys_setting((ADMIN_KEY, "ops", "admin"), anyone=True),
            request_timeout=1,
            stall_timeout=1,
            client_rate=1e6,
            client_concurrency=1000,
        )
    with live:
        yield live.wait_until_ready()


def test_nothing_that_callers_send_is_kept(
    observed: LiveServer, collector: Collector, tmp_path: Path
) -> None:
    mark = Planted()
    statuses = set()
    caller = httpx.HTTPTransport(local_address=ADDRESS)
    with httpx.Client(base_url=observed.url, timeout=30, transport=caller) as client:
        for path, content, headers in calls.posts(mark):
            answer = client.post(path, content=content, headers=_encoded(headers))
            assert not mark.found_in(_told(answer)), answer.text
            statuses.add(answer.status_code)
        for path in ("/models", "/metrics", "/livez", "/nothing"):
            answer = client.get(path, headers=_encoded(calls.headers(mark)))
            assert not mark.found_in(_told(answer)), answer.text
        for path, content, headers in calls.names(mark):
            assert client.post(path, content=content, headers=headers).status_code in range(
                200, 500
            )
        for data in calls.send_broken_requests(mark, observed.http_port):
            assert not mark.found_in(data), data
        calls.call_everything(mark, observed.grpc_target)
        sampled = calls.sampled_headers(mark, USABLE_ID)
        client.post("/classify", content=encode(calls.PICTURE), headers=_encoded(sampled))
        metrics = client.get("/metrics").content
    assert statuses >= {200, 400, 401, 422, 500, 504}
    assert len(mark) > 150
    wait_for(lambda: USABLE_ID.encode() in _traces(collector), 20)
    files = _files(tmp_path)  # before they are removed
    observed.process.send_signal(signal.SIGTERM)
    observed.wait_until_exit()
    log = observed.log.encode()
    assert USABLE_ID.encode() in log, "the search would find nothing"
    assert b"InvalidArgumentError" in log, "no model failed"
    for name, content in {
        "log": log,
        "traces": _traces(collector),
        "metrics": metrics,
        "files": files + _files(tmp_path),
    }.items():
        assert not mark.found_in(content), name
        assert ADDRESS.encode() not in content, name


def _encoded(headers: dict[str, str]) -> list[tuple[bytes, bytes]]:
    return [(name.encode(), value.encode("latin-1")) for name, value in headers.items()]


def _told(answer: httpx.Response) -> bytes:
    return answer.content + repr(answer.headers.raw).encode()


def _traces(collector: Collector) -> bytes:
    spans = b"".join(span.SerializeToString() for span in list(collector.spans))
    return spans + repr((collector.resources, collector.spans)).encode()


def _files(folder: Path) -> bytes:
    """Return the names and contents of all files that the server has made."""
    found = b""
    for place, _, names in os.walk(folder):
        for name in names:
            path = Path(place, name)
            if not path.is_symlink() and path.is_file():
                found += str(path).encode() + path.read_bytes()
    return found
