"""Versions as callers choose them, and as operators see and change them."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import httpx
import pytest
from PIL import Image

from service.api.access.keys import make_key
from service.api.trident import inference_pb2 as messages
from service.api.trident.inference_pb2_grpc import InferenceStub
from tests.service.drawings import encode
from tests.service.live.grpc_client import inference_stub
from tests.service.live.metrics import value
from tests.service.live.model_copies import ModelCopies
from tests.service.live.test_metrics import documented, exposed
from tests.service.live_server import LiveServer, wait_for
from tests.service.some_keys import bearer, keys_setting

KEY = make_key()
KEYS = keys_setting((KEY, "operator", "admin"), anyone=True)
AUTHORIZED = bearer(KEY)
PNG = {"content-type": "image/png"}
RED = encode(Image.new("RGB", (20, 20), (255, 0, 0)))


@pytest.fixture(scope="module")
def copies(demo_models: Path, tmp_path_factory: pytest.TempPathFactory) -> ModelCopies:
    made = ModelCopies(demo_models / "tint", tmp_path_factory.mktemp("copies") / "models")
    made.add("tint", {1: 1, 2: 2}, versions="all", labels={"stable": 1, "next": 2})
    (made.folder / "defaults.json").write_text('{"image_classification": "tint"}')
    return made


@pytest.fixture(scope="module")
def server(copies: ModelCopies, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    folder = tmp_path_factory.mktemp("server")
    settings = {"keys": KEYS, "watch_interval": 0.2, "access_log": True}
    with LiveServer(folder, copies.folder, **settings) as live:
        yield live.wait_until_ready()


@pytest.fixture(scope="module")
def http(server: LiveServer) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=server.url, timeout=60) as client:
        yield client


@pytest.fixture(scope="module")
def stub(server: LiveServer) -> Iterator[InferenceStub]:
    with grpc.insecure_channel(server.grpc_target) as channel:
        yield inference_stub(channel)


def version_of(http: httpx.Client, path: str, **headers: str) -> int:
    """Return the version that answers."""
    answer = http.post(path, content=RED, headers=PNG | headers).raise_for_status().json()
    return int(answer["version"])


def reload(http: httpx.Client) -> Any:
    return http.post("/models/reload", headers=AUTHORIZED).raise_for_status().json()


def put(http: httpx.Client, name: str, label: str, **place: Any) -> httpx.Response:
    return http.put(f"/models/{name}/labels/{label}", json=place, headers=AUTHORIZED)


def states(http: httpx.Client, name: str) -> dict[int, str]:
    found = http.get(f"/models/{name}").raise_for_status().json()["states"]
    return {one["version"]: one["state"] for one in found}


@pytest.mark.parametrize(
    ("path", "version"),
    [
        ("/models/tint", 1),
        ("/models/tint/labels/stable", 1),
        ("/models/tint/labels/next", 2),
        ("/models/tint/versions/2", 2),
        ("/classify", 1),
        ("/classify?label=next", 2),
        ("/classify?model=tint&label=next&version=2", 2),
    ],
)
def test_a_version_is_chosen_by_its_label(http: httpx.Client, path: str, version: int) -> None:
    assert version_of(http, path) == version


@pytest.mark.parametrize(
    ("path", "status", "words"),
    [
        ("/models/tint/labels/best", 404, "with the label 'best'"),
        ("/classify?label=best", 404, "with the label 'best'"),
        ("/classify?label=next&version=1", 404, "version 1 with the label 'next'"),
        ("/models/tint/labels/next?label=next", 400, "/labels/LABEL"),
        ("/models/tint/labels/next/", 404, "/labels/LABEL"),
        ("/models/tint/labels/2", 404, "/labels/LABEL"),
    ],
)
def test_what_is_wrong_with_a_choice_is_said(
    http: httpx.Client, path: str, status: int, words: str
) -> None:
    answer = http.post(path, content=RED, headers=PNG)
    assert (answer.status_code, words in answer.json()["detail"]) == (status, True)


def test_a_call_chooses_a_version_by_its_label(stub: InferenceStub) -> None:
    def call(**choice: Any) -> int:
        model = messages.ModelChoice(**choice)
        named = messages.PredictRequest(images=[RED], model=model)
        default = messages.ClassifyRequest(images=[RED], model=model)
        response = stub.Predict(named) if choice.get("name") else stub.Classify(default)
        return int(response.model.version)

    assert [call(), call(label="next"), call(label="stable")] == [1, 2, 1]
    assert [call(name="tint"), call(name="tint", label="next", version=2)] == [1, 2]
    with pytest.raises(grpc.RpcError) as caught:
        call(name="tint", label="next", version=1)
    error: Any = caught.value
    assert error.code() is grpc.StatusCode.NOT_FOUND


def test_a_canary_keeps_its_callers_and_gets_more_when_its_share_grows(
    http: httpx.Client, stub: InferenceStub, copies: ModelCopies
) -> None:
    copies.add("canaried", {1: 1, 2: 2}, labels={"stable": 1, "canary": 2}, canary_share=0.3)
    reload(http)
    keys = [f"user-{number}" for number in range(400)]

    def chosen() -> set[str]:
        return {
            key
            for key in keys
            if version_of(http, "/models/canaried", **{"x-canary-key": key}) == 2
        }

    first = chosen()
    assert 70 < len(first) < 170
    assert chosen() == first
    request = messages.PredictRequest(images=[RED], model=messages.ModelChoice(name="canaried"))
    for key in keys[:40]:
        response = stub.Predict(request, metadata=(("x-canary-key", key),))
        assert (response.model.version == 2) == (key in first)
    assert put(http, "canaried", "canary", version=2, share=0.6).status_code == 200
    more = chosen()
    assert first < more
    assert 180 < len(more) < 300
    assert http.get("/models/canaried").json()["canary_share"] == 0.6
    for path in ("/models/canaried/versions/1", "/models/canaried/labels/stable"):
        assert version_of(http, path, **{"x-canary-key": min(more)}) == 1


def test_the_metric_of_shadows_is_as_documented(http: httpx.Client, copies: ModelCopies) -> None:
    copies.add("measured", {1: 1, 2: 2}, labels={"stable": 1, "shadow": 2})
    reload(http)
    name = "trident_shadow_comparisons_total"
    version_of(http, "/models/measured")
    wait_for(lambda: name in exposed(http))
    assert exposed(http)[name] == documented()[name]


def test_without_a_key_the_request_id_decides(http: httpx.Client, copies: ModelCopies) -> None:
    copies.add("tossed", {1: 1, 2: 2}, labels={"stable": 1, "canary": 2}, canary_share=0.5)
    reload(http)
    for number in range(40):
        name = f"id-{number}"
        by_key = version_of(http, "/models/tossed", **{"x-canary-key": name})
        assert version_of(http, "/models/tossed", **{"x-request-id": name}) == by_key
    assert {version_of(http, "/models/tossed") for _ in range(100)} == {1, 2}


@pytest.mark.parametrize(("original", "agrees"), [(1, True), (2, False)])
def test_a_shadow_is_compared_and_never_answers(
    http: httpx.Client, copies: ModelCopies, original: int, *, agrees: bool
) -> None:
    name = f"shadowed-{original}"
    copies.add(name, {1: 1, 2: original}, labels={"stable": 1, "shadow": 2})
    reload(http)

    def compared() -> bool:
        assert version_of(http, f"/models/{name}") == 1
        result = "agrees" if agrees else "differs"
        return value(http, "trident_shadow_comparisons_total", model=name, result=result) >= 5

    wait_for(compared)
    (told,) = http.get(f"/models/{name}").json()["shadow_comparisons"]
    assert (told["version"], told["answering"]) == (2, 1)
    assert told["compared"] >= 5
    assert told["rate"] == (told["agreed"] / told["compared"]) == int(agrees)
    assert 0 <= told["rate_low"] <= told["rate"] <= told["rate_high"] <= 1
    assert told["rate_high"] - told["rate_low"] < 0.5
    listed = {model["name"]: model for model in http.get("/models").json()["models"]}
    assert len(listed[name]["shadow_comparisons"]) == 1


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
@pytest.mark.parametrize(
    "headers", [{}, {"authorization": "Bearer wrong"}, {"authorization": f"Basic {KEY}"}]
)
def test_who_has_not_the_key_changes_nothing(
    http: httpx.Client, copies: ModelCopies, method: str, headers: dict[str, str]
) -> None:
    path = "/models/reload" if method == "POST" else "/models/tint/labels/next"
    answer = http.request(method, path, json={"version": 1}, headers=headers)
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == "Bearer"
    assert answer.headers["content-type"] == "application/problem+json"
    assert copies.labels("tint") == {"stable": 1, "next": 2}


def test_a_reload_answers_what_is_served_then(http: httpx.Client, copies: ModelCopies) -> None:
    copies.add("fresh", {1: 1})
    told = {model["name"]: model for model in reload(http)["models"]}
    assert told["fresh"]["versions"] == [1]
    assert told["fresh"]["states"] == [{"version": 1, "state": "AVAILABLE", "reason": None}]
    assert version_of(http, "/models/fresh") == 1


def test_a_version_is_promoted_and_rolled_back_by_a_call(
    http: httpx.Client, server: LiveServer, copies: ModelCopies
) -> None:
    copies.add("promoted", {1: 1, 2: 2}, labels={"stable": 1, "canary": 2}, canary_share=0.0)
    reload(http)
    headers = AUTHORIZED | {"x-request-id": "promotion-1"}
    path = "/models/promoted/labels/stable"
    answer = http.put(path, json={"version": 2}, headers=headers)
    assert answer.raise_for_status().json()["version_labels"] == {"stable": 2}
    assert answer.headers["x-request-id"] == "promotion-1"
    assert version_of(http, "/models/promoted") == 2
    assert "request promotion-1: promoted: the label stable is at version 2" in server.log
    assert put(http, "promoted", "stable", version=1).status_code == 200
    assert version_of(http, "/models/promoted") == 1
    gone = http.delete(path, headers=AUTHORIZED).raise_for_status().json()
    assert gone["version_labels"] == {}
    assert version_of(http, "/models/promoted") == 2
    assert http.delete(path, headers=AUTHORIZED).status_code == 404


def test_a_version_is_promoted_and_rolled_back_by_the_file(
    http: httpx.Client, copies: ModelCopies
) -> None:
    copies.add("filed", {1: 1, 2: 2}, labels={"stable": 1})
    reload(http)
    assert version_of(http, "/models/filed") == 1
    for version in (2, 1):
        copies.write("filed", labels={"stable": version})
        wait_for(lambda expected=version: expected == version_of(http, "/models/filed"))  # type: ignore[misc]


def test_a_label_may_go_to_a_version_that_is_not_served_yet(
    http: httpx.Client, copies: ModelCopies
) -> None:
    copies.add("kept", {1: 1, 2: 2, 3: 1})
    reload(http)
    assert states(http, "kept") == {3: "AVAILABLE"}
    answer = put(http, "kept", "stable", version=1).raise_for_status().json()
    assert answer["version_labels"] == {"stable": 1}
    assert version_of(http, "/models/kept") == 1
    assert states(http, "kept") == {3: "AVAILABLE", 1: "AVAILABLE"}


@pytest.mark.parametrize(
    ("name", "label", "place", "status", "words"),
    [
        ("tint", "next", {"version": 9}, 409, "There is no version 9 of tint"),
        ("nobody", "stable", {"version": 1}, 404, "There is no model 'nobody'"),
        ("tint", "stable", {"version": 2, "share": 0.5}, 400, "'canary'"),
        ("tint", "canary", {"version": 2, "share": 5}, 400, "share"),
        ("tint", "latest", {"version": 2}, 400, "'latest' can't be a label"),
        ("tint", "next", {"version": "2"}, 400, '{"version": 2}'),
        ("tint", "next", {"version": 0}, 400, "version"),
        ("tint", "next", {"version": 1, "shares": 0}, 400, "shares"),
        ("tint", "next", {"version": 1, "note": "a" * 5000}, 413, "4096 bytes"),
    ],
)
def test_a_move_that_cannot_be_made_changes_nothing(
    http: httpx.Client,
    copies: ModelCopies,
    name: str,
    label: str,
    place: dict[str, Any],
    status: int,
    words: str,
) -> None:
    answer = put(http, name, label, **place)
    assert (answer.status_code, words in answer.json()["detail"]) == (status, True), answer.text
    assert copies.labels("tint") == {"stable": 1, "next": 2}


def test_a_label_never_goes_to_a_version_that_cannot_be_loaded(
    http: httpx.Client, copies: ModelCopies
) -> None:
    """Not even if this shows only when it is loaded; the file is then as it was before."""
    serving = {"versions": [1], "labels": {"stable": 1, "canary": 2}, "canary_share": 0.5}
    copies.add("guarded", {1: 1, 2: 2}, **serving)
    copies.add_unloadable("guarded", 3)
    reload(http)
    for label, share in (("stable", {}), ("canary", {"share": 1.0}), ("new", {})):
        answer = put(http, "guarded", label, version=3, **share)
        assert (answer.status_code, answer.json()["title"]) == (409, "Conflict")
        assert "scores" in answer.json()["detail"]
        file = copies.folder / "guarded" / "serving.json"
        assert json.loads(file.read_text()) == serving
        told = http.get("/models/guarded").json()
        assert told["version_labels"] == {"stable": 1, "canary": 2}
        assert told["canary_share"] == 0.5
        assert states(http, "guarded")[3] == "END"


def test_a_file_that_cannot_be_written_is_named(http: httpx.Client, copies: ModelCopies) -> None:
    folder = copies.add("sealed", {1: 1, 2: 2}, labels={"stable": 1})
    (folder / ".serving.json.lock").mkdir()  # who may do everything can't write this either
    reload(http)
    answer = put(http, "sealed", "stable", version=2)
    assert answer.status_code == 409
    assert "serving.json can't be written" in answer.json()["detail"]
    assert version_of(http, "/models/sealed") == 1


def test_a_fault_of_a_file_is_told(http: httpx.Client, copies: ModelCopies) -> None:
    copies.add("faulty", {1: 1, 2: 2}, labels={"stable": 7})
    copies.add("blameless", {1: 1})
    listed = reload(http)
    (fault,) = http.get("/models/faulty").json()["faults"]
    assert "'stable' at version 7, which can't be served" in fault
    assert fault in listed["faults"]
    assert http.get("/models/blameless").json()["faults"] == []
    copies.write("faulty", labels={"stable": 1}, versionz=[1])
    reload(http)
    assert any("versionz" in fault for fault in http.get("/models/faulty").json()["faults"])
    answer = put(http, "faulty", "stable", version=2)
    assert (answer.status_code, "versionz" in answer.json()["detail"]) == (409, True)


def test_an_incomplete_version_waits_and_a_rejected_one_says_why(
    http: httpx.Client, copies: ModelCopies
) -> None:
    folder = copies.add("torn", {1: 1})
    reload(http)
    copies.add_version("torn", 2, 2, without="saved_model.pb")

    def second() -> Any:
        (folder / "2" / "model.json").touch()  # somebody still copies
        found = http.get("/models/torn").json()["states"]
        return [one for one in found if one["version"] == 2]

    wait_for(lambda: [one["state"] for one in second()] == ["START"])
    assert "saved_model.pb can't be read" in second()[0]["reason"]
    reload(http)  # who asks for it copies no more
    (one,) = [s for s in http.get("/models/torn").json()["states"] if s["version"] == 2]
    assert one["state"] == "END"
    assert "saved_model.pb can't be read" in one["reason"]
    answer = put(http, "torn", "stable", version=2)
    assert (answer.status_code, "saved_model.pb" in answer.json()["detail"]) == (409, True)
    assert version_of(http, "/models/torn") == 1
    assert http.get("/models/torn").json()["versions"][0]["version"] == 1


def test_a_model_without_a_good_version_is_described(
    http: httpx.Client, copies: ModelCopies
) -> None:
    copies.add_version("ruined", 1, 1, without="saved_model.pb")
    listed = {model["name"]: model for model in reload(http)["models"]}
    told = http.get("/models/ruined").raise_for_status().json()
    assert (told["versions"], told["task"]) == ([], "image_classification")
    assert [one["state"] for one in told["states"]] == ["END"]
    assert listed["ruined"]["versions"] == []
    assert http.post("/models/ruined", content=RED, headers=PNG).status_code == 503
    assert value(http, "trident_model_rejected", model="ruined", version="1") == 1
    (copies.folder / "ruined" / "1").rename(copies.folder / ".ruined")
    reload(http)
    assert http.get("/models/ruined").status_code == 404
    assert value(http, "trident_model_rejected", model="ruined", version="1") == 0


def test_what_is_unloaded_has_no_information_any_more(
    http: httpx.Client, copies: ModelCopies
) -> None:
    copies.add("passing", {1: 1})
    reload(http)
    assert value(http, "trident_model_info", model="passing", version="1") == 1
    (copies.folder / "passing").rename(copies.folder / ".passing")
    reload(http)
    assert http.post("/models/passing", content=RED, headers=PNG).status_code == 404
    wait_for(lambda: value(http, "trident_model_info", model="passing", version="1") == 0)
    assert http.get("/models/passing").status_code == 404


def test_the_key_is_never_logged(http: httpx.Client, server: LiveServer) -> None:
    reload(http)
    http.post("/models/reload", headers={"authorization": f"Bearer {KEY}x"})
    put(http, "tint", "next", version=2)
    assert " keys=**********" in server.log
    assert KEY.removeprefix("trident_") not in server.log


def test_a_service_without_a_good_version_is_mended_by_a_reload(
    demo_models: Path, tmp_path: Path
) -> None:
    copies = ModelCopies(demo_models / "tint", tmp_path / "models")
    copies.add_unloadable("tint", 1)
    settings = {"watch_interval": 0, "keys": KEYS}
    with LiveServer(tmp_path, copies.folder, **settings) as live:
        wait_for(lambda: "tint/1 isn't served" in live.log)
        with httpx.Client(base_url=live.url, timeout=60) as http:
            (one,) = http.get("/models/tint").raise_for_status().json()["states"]
            assert (one["state"], "scores" in one["reason"]) == ("END", True)
            assert http.get("/readyz").status_code == 503
            copies.add_version("tint", 2, 2)
            (told,) = reload(http)["models"]
            assert told["versions"] == [2]
            live.wait_until_ready()
            assert version_of(http, "/models/tint") == 2


@pytest.fixture
def pair(copies: ModelCopies, tmp_path: Path) -> Iterator[LiveServer]:
    """A server of two ready workers that look at the folder only when they are asked to."""
    copies.add("shared", {1: 1, 2: 2, 3: 1}, labels={"stable": 1, "next": 2})
    settings = {"workers": 2, "watch_interval": 0, "keys": KEYS}
    with LiveServer(tmp_path, copies.folder, **settings) as live:
        live.wait_until_ready()
        with httpx.Client(base_url=live.url, timeout=60) as client:
            wait_for(lambda: value(client, "trident_ready") == 1 and len(live.workers()) == 2)
        yield live


def test_after_the_answer_every_worker_serves_what_was_asked_for(pair: LiveServer) -> None:
    """Whoever asks next, over whichever connection."""
    limits = httpx.Limits(max_keepalive_connections=0)
    with httpx.Client(base_url=pair.url, timeout=60, limits=limits) as http:
        for version in (2, 1, 3):
            put(http, "shared", "stable", version=version).raise_for_status()
            found = [version_of(http, "/models/shared") for _ in range(200)]
            assert found == [version] * 200
        told = [model for model in reload(http)["models"] if model["name"] == "shared"]
        assert told[0]["version_labels"] == {"stable": 3, "next": 2}
