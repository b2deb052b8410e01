"""The engine, with models made by hand: loading, choosing, answering, refusing."""

import asyncio
import json
import re
import shutil
import threading
import time
from collections.abc import AsyncIterator
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from service.engine.engine import Engine
from service.engine.limits import Limits
from service.engine.registry import ModelChoice
from service.engine.rollout.leader import Watching
from service.errors import (
    DeadlineExceededError,
    InternalError,
    MalformedRequestError,
    NotReadyError,
    TooLargeError,
    UndecodableInputError,
    UnknownModelError,
)
from service.tasks.image_task import ImageTask
from tests.service.demo_models import PURE_TINT, TINTS
from tests.service.drawings import encode

TASK = "image_classification"
RED, BLUE = (encode(Image.new("RGB", (50, 30), colour)) for colour in ("red", "blue"))


def make_engine(
    models: Path, *, max_inflight_bytes: int = 100_000_000, decoders: int = 1
) -> Engine:
    limits = Limits(
        max_batch_size=8,
        max_queue_size=100,
        max_queue_seconds=60.0,
        max_inputs=10,
        max_pixels=10_000,
        max_inflight_bytes=max_inflight_bytes,
        decoders=decoders,
        max_inline_seconds=0.0,
    )
    return Engine(Watching(models=models), limits)


@pytest.fixture
def tints(demo_models: Path, tmp_path: Path) -> Path:
    """A folder of tint/1 and tint/2 alone."""
    shutil.copytree(demo_models / "tint", tmp_path / "models" / "tint")
    return tmp_path / "models"


@pytest.fixture
async def engine(tints: Path) -> AsyncIterator[Engine]:
    engine = make_engine(tints)
    await engine.load()
    yield engine
    await engine.close()


async def predict(engine: Engine, *inputs: Any, kind: str = TASK, **choice: Any) -> Any:
    wanted = ModelChoice(**choice)
    return await engine.predict(kind, inputs, wanted, deadline=time.monotonic() + 60)


async def test_the_newest_version_answers_unless_another_is_chosen(engine: Engine) -> None:
    for choice, version in (({}, 2), ({"version": 1}, 1), ({"name": "tint", "version": 2}, 2)):
        prediction = await predict(engine, RED, **choice)
        assert (prediction.model, prediction.version) == ("tint", version)
        assert prediction.outcomes[0].label == TINTS[version - 1][0]


async def test_the_kind_of_a_model_is_told_by_its_name(engine: Engine) -> None:
    for choice in (ModelChoice("tint"), ModelChoice("tint", 1)):
        assert engine.kind_of(choice) == TASK
    with pytest.raises(UnknownModelError, match="tint/2"):
        engine.kind_of(ModelChoice("tint", 3))
    with pytest.raises(UnknownModelError, match="nobody"):
        engine.kind_of(ModelChoice("nobody"))


async def test_preprocessing_is_the_cards(engine: Engine) -> None:
    prediction = await predict(engine, RED, BLUE, version=1)
    assert [outcome.label for outcome in prediction.outcomes] == ["red", "blue"]
    for outcome in prediction.outcomes:
        assert outcome.probability == pytest.approx(PURE_TINT, abs=1e-3)


async def test_a_bad_input_has_its_error_in_its_place(engine: Engine) -> None:
    broken = UndecodableInputError("The adapter couldn't read it.")
    large = encode(Image.new("RGB", (101, 100), "red"))
    outcomes = (await predict(engine, b"x", BLUE, broken, large, RED, version=1)).outcomes
    assert isinstance(outcomes[0], UndecodableInputError)
    assert outcomes[1].label == "blue"
    assert outcomes[2] is broken
    assert isinstance(outcomes[3], TooLargeError)
    assert outcomes[4].label == "red"


@pytest.mark.parametrize("step", ["decodes_in_thread", "decode", "decode aside", "decoding_bytes"])
@pytest.mark.parametrize("defect", [TypeError("a bad operand"), MemoryError(), KeyError(1)])
async def test_an_input_on_which_decoding_fails_fails_alone(
    engine: Engine, monkeypatch: pytest.MonkeyPatch, step: str, defect: Exception
) -> None:
    method = step.split()[0]
    whole = getattr(ImageTask, method)

    def fail_on_blue(task: Any, data: bytes) -> Any:
        if data == BLUE:
            raise defect
        return whole(task, data)

    if step in ("decode aside", "decoding_bytes"):
        monkeypatch.setattr(ImageTask, "decodes_in_thread", lambda *_: True)
    monkeypatch.setattr(ImageTask, method, fail_on_blue)
    outcomes = (await predict(engine, RED, BLUE, RED, version=1)).outcomes
    assert isinstance(outcomes[1], InternalError)
    assert outcomes[1].__cause__ is defect
    assert "bad operand" not in str(outcomes[1])
    assert [outcomes[0].label, outcomes[2].label] == ["red", "red"]
    assert engine.account.used == 0


async def test_a_refusal_holds_on_to_nothing_of_its_picture(engine: Engine) -> None:
    for data in (b"x", RED[:-30], encode(Image.new("RGB", (101, 100), "red"))):
        (outcome,) = (await predict(engine, data)).outcomes
        assert outcome.__traceback__ is outcome.__context__ is outcome.__cause__ is None


async def test_more_inputs_than_a_batch_holds_keep_their_order(engine: Engine) -> None:
    prediction = await predict(engine, *[RED, BLUE] * 5, version=1)
    assert [outcome.label for outcome in prediction.outcomes] == ["red", "blue"] * 5


async def test_a_small_request_does_not_wait_for_all_inputs_of_a_large_one(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("service.engine.decoding._MAX_SECONDS_AT_A_TIME", 0.0)
    order, decode = [], ImageTask.decode

    def decode_and_note(task: Any, data: bytes) -> Any:
        order.append(data)
        return decode(task, data)

    monkeypatch.setattr(ImageTask, "decode", decode_and_note)
    await asyncio.gather(predict(engine, *[RED] * 9), predict(engine, BLUE))
    assert 0 < order.index(BLUE) < 9


async def test_requests_that_make_no_sense_are_refused(engine: Engine) -> None:
    with pytest.raises(MalformedRequestError):
        await predict(engine)
    with pytest.raises(TooLargeError, match="limit of 10"):
        await predict(engine, *[RED] * 11)
    with pytest.raises(UnknownModelError, match="tint/2, tint/1"):
        await predict(engine, RED, version=3)
    with pytest.raises(UnknownModelError, match="none"):
        await predict(engine, "a text", kind="text_classification")


async def test_a_request_whose_deadline_has_passed_is_refused(engine: Engine) -> None:
    with pytest.raises(DeadlineExceededError):
        await engine.predict(TASK, [RED], ModelChoice(), deadline=time.monotonic() - 1)


async def test_nothing_is_decoded_after_the_deadline(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither what waits for the event loop, nor for a thread, nor for room."""
    large = encode(Image.new("RGB", (100, 100), "red"))
    decode, decoded = ImageTask.decode, []

    def decode_slowly(task: Any, data: bytes) -> Any:
        decoded.append(data)
        time.sleep(0.05)
        return decode(task, data)

    monkeypatch.setattr(ImageTask, "decode", decode_slowly)
    for in_thread in (False, True):
        monkeypatch.setattr(ImageTask, "decodes_in_thread", lambda *_, said=in_thread: said)
        decoded.clear()
        requests = [
            engine.predict(TASK, [large] * 10, ModelChoice(), deadline=time.monotonic() + 0.2)
            for _ in range(3)
        ]
        for outcome in await asyncio.gather(*requests, return_exceptions=True):
            assert isinstance(outcome, DeadlineExceededError)
        await asyncio.sleep(0.2)
        assert 0 < len(decoded) < 15
    assert engine.account.used == 0


async def test_one_decoding_ends_its_request_at_the_deadline(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    going_on = threading.Event()
    monkeypatch.setattr(ImageTask, "decodes_in_thread", lambda *_: True)
    monkeypatch.setattr(ImageTask, "decode", lambda *_: going_on.wait(60))
    with pytest.raises(DeadlineExceededError):
        await engine.predict(TASK, [RED], ModelChoice(), deadline=time.monotonic() + 0.1)
    assert engine.account.used == engine.account.decoding.used > 0  # the thread still holds it
    going_on.set()
    async with asyncio.timeout(10):
        while engine.account.used:  # noqa: ASYNC110 - a thread gives it back
            await asyncio.sleep(0.01)


async def test_an_input_waits_for_room_to_be_decoded(
    tints: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = make_engine(tints, max_inflight_bytes=1_000_000, decoders=4)
    await engine.load()
    at_once, most, decode, lock = 0, 0, ImageTask.decode, threading.Lock()

    def decode_and_count(task: Any, data: bytes) -> Any:
        nonlocal at_once, most
        with lock:
            at_once += 1
            most = max(most, at_once)
        time.sleep(0.02)
        with lock:
            at_once -= 1
        return decode(task, data)

    monkeypatch.setattr(ImageTask, "decodes_in_thread", lambda *_: True)
    monkeypatch.setattr(ImageTask, "decode", decode_and_count)
    monkeypatch.setattr(ImageTask, "decoding_bytes", lambda *_: 150_000)  # room for two
    predictions = await asyncio.gather(*(predict(engine, RED, BLUE, version=1) for _ in range(9)))
    for prediction in predictions:
        assert [outcome.label for outcome in prediction.outcomes] == ["red", "blue"]
    assert most == 2
    assert engine.account.used == 0
    await engine.close()


async def test_it_answers_only_while_it_is_ready(tints: Path) -> None:
    engine = make_engine(tints)
    assert not engine.ready
    with pytest.raises(NotReadyError):
        await predict(engine, RED)
    await engine.load()
    assert engine.ready
    assert (await predict(engine, RED)).outcomes
    await engine.close()
    assert not engine.ready
    with pytest.raises(NotReadyError):
        await predict(engine, RED)


async def check_not_ready(models: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Check that an engine doesn't become ready, and says so."""
    engine = make_engine(models)
    loading = asyncio.create_task(engine.load())
    async with asyncio.timeout(60):
        while "not ready until one can" not in caplog.text:  # noqa: ASYNC110 - a log has no event
            await asyncio.sleep(0.01)
    assert not engine.ready
    loading.cancel()
    await engine.close()


def _edit_card(models: Path, pattern: str = "tint/*", **changes: Any) -> None:
    for path in models.glob(f"{pattern}/model.json"):
        path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def _signature(
    image: tuple[str, list[int | None]] = ("float32", [None, 16, 16, 3]),
    output: str = "probabilities",
    width: int = 3,
    name: str = "image",
) -> dict[str, Any]:
    dtype, shape = image
    outputs = {output: {"dtype": "float32", "shape": [None, width]}}
    if output != "probabilities":
        outputs["probabilities"] = {"dtype": "float32", "shape": [None, width]}
    inputs = {name: {"dtype": dtype, "shape": shape}}
    return {"serving_default": {"inputs": inputs, "outputs": outputs}}


TWO_INPUTS = _signature()
TWO_INPUTS["serving_default"]["inputs"]["mask"] = {"dtype": "float32", "shape": [None, 16, 16, 3]}


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"task": "divination"}, "divination"),
        ({"labels": None}, "labels"),
        ({"labels": ["red", "green"]}, "labels"),
        ({"task": "text_classification"}, "text"),
        ({"signatures": {}}, "serving_default"),
        ({"task": "image_embedding"}, "embedding"),
        ({"signatures": _signature(("uint8", [None, 16, 16, 3]))}, "float32.*card says uint8"),
        ({"signatures": _signature(("float32", [None, 16, 16, 1]))}, "takes|says"),
        ({"signatures": _signature(("float32", [None, 16, 48]))}, "takes|says"),
        ({"signatures": _signature(name="picture")}, r"'picture'.*has 'image' \(float32"),
        ({"signatures": _signature(output="scores")}, "'scores'.*has 'probabilities'"),
        ({"signatures": TWO_INPUTS}, "one input of the signature 'serving_default'.*names 2"),
        ({"labels": list("abcd"), "signatures": _signature(width=4)}, r"\?, 3\].*says.*\?, 4\]"),
    ],
)
async def test_a_card_that_does_not_fit_its_model_is_refused(
    tints: Path, changes: dict[str, Any], sentence: str, caplog: pytest.LogCaptureFixture
) -> None:
    _edit_card(tints, **changes)
    await check_not_ready(tints, caplog)
    assert re.search(f"tint/2 isn't served: .*({sentence})", caplog.text)


async def test_a_version_that_does_not_fit_leaves_the_others_serving(
    tints: Path, caplog: pytest.LogCaptureFixture
) -> None:
    _edit_card(tints, "tint/2", signatures=_signature(output="scores"))
    engine = make_engine(tints)
    await engine.load()
    assert (await predict(engine, RED)).version == 1
    with pytest.raises(NotReadyError, match="tint/2 can't be served"):
        await predict(engine, RED, version=2)
    await engine.close()
    assert "tint/2 isn't served" in caplog.text


async def test_a_defect_that_only_shows_in_the_first_call_counts_too(
    tints: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    warm_up = ImageTask.warm_up
    left = [RuntimeError("out of order")]

    def fail_once(task: Any) -> None:
        if left:
            raise left.pop()
        warm_up(task)

    monkeypatch.setattr(ImageTask, "warm_up", fail_once)
    engine = make_engine(tints)
    await engine.load()
    assert (await predict(engine, RED)).version == 1
    await engine.close()
    assert "out of order" in caplog.text


async def test_among_several_models_without_a_default_one_must_be_named(
    tints: Path, demo_models: Path
) -> None:
    shutil.copytree(demo_models / "slow", tints / "slow")
    engine = make_engine(tints)
    await engine.load()
    with pytest.raises(UnknownModelError, match=r"no default model.*slow/1, tint/2, tint/1"):
        await predict(engine, RED)
    assert (await predict(engine, RED, name="tint")).model == "tint"
    await engine.close()


@pytest.fixture
def nonsense(tints: Path) -> Path:
    """Models whose files are what their cards say, but no SavedModels."""
    for path in tints.glob("tint/*/saved_model.pb"):
        path.write_bytes(b"not a SavedModel")
        shutil.rmtree(path.parent / "variables")
    _edit_card(tints, files={"saved_model.pb": sha256(b"not a SavedModel").hexdigest()})
    return tints


async def test_a_model_that_tensorflow_cannot_read_is_refused(
    nonsense: Path, caplog: pytest.LogCaptureFixture
) -> None:
    await check_not_ready(nonsense, caplog)
    assert re.search("tint/1 isn't served: .*can't be loaded as a SavedModel", caplog.text)
