"""What the load test's clients send, and how they judge what comes back."""

import json
from collections.abc import Sequence
from typing import Any

import pytest

from loadtests.clients.answers import DIMENSIONS, BadAnswerError, read_grpc, read_http
from loadtests.clients.bodies import make_bodies
from loadtests.clients.samples import TASKS, read_samples
from loadtests.clients.verdict import (
    ERROR_RATES,
    Limits,
    Run,
    Tally,
    binomial_tail,
    complaints,
)
from service.api.reading.forms import read_images, read_texts
from service.api.trident import inference_pb2 as messages
from tests.service.live_server import ROOT

LIMITS = Limits(p95=100, error_rate=0.01)
GOOD_RUN = Run(requests=1000, failures=10, p95=100)
VECTOR = [0.5] * DIMENSIONS


@pytest.mark.parametrize("count", [1, 3])
@pytest.mark.parametrize("task", TASKS)
def test_every_form_of_a_request_says_the_same(task: str, count: int) -> None:
    inputs = [sample.data for sample in read_samples(task)[:count]]
    read: Any = read_texts if task == "sentiment" else read_images
    bodies = make_bodies(task, inputs)
    assert len({body.content_type for body in bodies}) == len(bodies) > 0
    for body in bodies:
        form = read(body.content_type, body.content, count)
        assert form.inputs == inputs
        assert form.is_list == (count > 1)


def test_the_samples_have_their_labels() -> None:
    digits = read_samples("classify")
    assert {sample.label for sample in digits} == set("0123456789")
    assert all(isinstance(sample.data, bytes) for sample in digits)
    assert {sample.label for sample in read_samples("sentiment")} == {"positive", "negative"}
    for task in TASKS:
        samples = read_samples(task)
        assert len({sample.name for sample in samples}) == len(samples)


def _http(answer: Any) -> bytes:
    return json.dumps(answer).encode()


def test_answers_over_http_are_read() -> None:
    assert read_http("classify", _http({"label": "7", "top": []}), 1) == ["7"]
    assert read_http("sentiment", _http([{"label": "a"}, {"label": "b"}]), 2) == ["a", "b"]
    assert read_http("embed", _http({"embedding": VECTOR}), 1) == []


@pytest.mark.parametrize(
    ("task", "content", "count"),
    [
        ("classify", b"<html>", 1),
        ("classify", _http({"title": "Undecodable input"}), 1),
        ("classify", _http([{"label": "7"}]), 1),
        ("classify", _http({"label": 7}), 1),
        ("classify", _http({"label": "7"}), 2),
        ("sentiment", _http([{"label": "positive"}]), 2),
        ("embed", _http({"embedding": VECTOR[1:]}), 1),
        ("embed", _http({"embedding": [None, *VECTOR[1:]]}), 1),
        ("embed", _http({"embedding": [float("nan"), *VECTOR[1:]]}), 1),
        ("embed", _http({"embedding": 1.0}), 1),
    ],
)
def test_a_bad_answer_over_http_is_noticed(task: str, content: bytes, count: int) -> None:
    with pytest.raises(BadAnswerError):
        read_http(task, content, count)


def _embedded(values: Sequence[float]) -> messages.EmbedResponse:
    return messages.EmbedResponse(
        results=[messages.EmbedResult(embedding=messages.Embedding(values=values))]
    )


def _classified(*labels: str) -> messages.ClassifyResponse:
    classified = [messages.Classification(label=label) for label in labels]
    return messages.ClassifyResponse(
        results=[messages.ClassifyResult(classification=one) for one in classified]
    )


def test_answers_over_grpc_are_read() -> None:
    assert read_grpc("classify", _classified("7", "1"), 2) == ["7", "1"]
    assert read_grpc("embed", _embedded(VECTOR), 1) == []


def test_a_bad_answer_over_grpc_is_noticed() -> None:
    failed = messages.ClassifyResult(error=messages.Error(code=3))
    for task, response, count in [
        ("classify", _classified("7"), 2),
        ("classify", messages.ClassifyResponse(results=[failed]), 1),
        ("embed", _embedded(VECTOR[1:]), 1),
        ("embed", _embedded([float("inf"), *VECTOR[1:]]), 1),
    ]:
        with pytest.raises(BadAnswerError):
            read_grpc(task, response, count)


def test_the_binomial_tail() -> None:
    assert binomial_tail(0, 10, 0.3) == pytest.approx(1)
    assert binomial_tail(1, 10, 0.3) == pytest.approx(1 - 0.7**10)
    assert binomial_tail(10, 10, 0.3) == pytest.approx(0.3**10)
    assert binomial_tail(2, 3, 0.5) == pytest.approx(0.5)


@pytest.mark.parametrize(
    ("task", "model", "dataset"),
    [("classify", "digits", "MNIST test"), ("sentiment", "sentiment", "Rotten Tomatoes sentences")],
)
def test_the_known_error_rates_are_those_of_the_cards(task: str, model: str, dataset: str) -> None:
    card = json.loads((ROOT / "models" / model / "1" / "model.json").read_text())
    accuracies = [
        metric["value"]
        for metric in card["metrics"]
        if (metric["name"], metric["dataset"]) == ("accuracy", dataset)
    ]
    assert [1 - accuracy for accuracy in accuracies] == [pytest.approx(ERROR_RATES[task], abs=1e-4)]


def _answers(task: str, wrong: int) -> Tally:
    """Return the verdict on a server whose answers to the first `wrong` samples are wrong."""
    tally = Tally()
    for at, sample in enumerate(read_samples(task)):
        for _ in range(100):
            tally.record(task, sample.name, right=at >= wrong)
    return tally


def test_a_run_within_its_limits_passes() -> None:
    assert complaints(GOOD_RUN, LIMITS, Tally()) == []


@pytest.mark.parametrize(("task", "wrong"), [("classify", 1), ("sentiment", 7)])
def test_the_mistakes_that_a_model_is_known_for_pass(task: str, wrong: int) -> None:
    assert complaints(GOOD_RUN, LIMITS, _answers(task, wrong)) == []


@pytest.mark.parametrize(("task", "wrong"), [("classify", 3), ("sentiment", 15)])
def test_more_mistakes_than_that_fail(task: str, wrong: int) -> None:
    (complaint,) = complaints(GOOD_RUN, LIMITS, _answers(task, wrong))
    assert complaint.startswith(f"{wrong} of ")


def test_rare_wrong_answers_about_any_sample_fail() -> None:
    tally = _answers("classify", wrong=0)
    for sample in read_samples("classify"):
        tally.record("classify", sample.name, right=False)
    assert complaints(GOOD_RUN, LIMITS, tally)


@pytest.mark.parametrize(
    ("run", "complaint"),
    [
        (Run(0, 0, 0), "No request"),
        (Run(1000, 11, 50), "11 of 1000 requests failed"),
        (Run(1000, 0, 101), "p95 is 101 ms"),
    ],
)
def test_a_run_over_a_limit_fails(run: Run, complaint: str) -> None:
    (found,) = complaints(run, LIMITS, Tally())
    assert complaint in found


def test_reports_of_several_workers_come_together() -> None:
    one, other, master = Tally(), Tally(), Tally()
    one.record("classify", "a", right=True)
    one.record("classify", "b", right=True)
    other.record("classify", "b", right=False)
    other.record("sentiment", "a", right=False)
    for report in (one.report(), other.report(), one.report()):
        master.absorb(report)
    assert master.asked == {"classify": {"a", "b"}, "sentiment": {"a"}}
    assert master.wrong == {"classify": {"b"}, "sentiment": {"a"}}
    master.clear()
    assert master.report() == Tally().report()
