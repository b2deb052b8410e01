"""A text has the same score however it was typed."""

from collections.abc import Callable
from typing import TypeAlias

import httpx
import pytest

from service.api.trident import inference_pb2 as messages
from service.api.trident.inference_pb2_grpc import InferenceStub
from tests.service.live.conftest import MAX_INPUTS
from tests.service.typed_forms import FORMS, SENTENCES

Answer: TypeAlias = tuple[str, float]


def _in_parts(ask: Callable[[list[str]], list[Answer]], texts: list[str]) -> list[Answer]:
    starts = range(0, len(texts), MAX_INPUTS)
    return [answer for start in starts for answer in ask(texts[start : start + MAX_INPUTS])]


@pytest.fixture(scope="module", params=["http", "grpc"])
def ask(
    request: pytest.FixtureRequest, http: httpx.Client, stub: InferenceStub
) -> Callable[[list[str]], list[Answer]]:
    """Return what asks the shared server for the label and the score of texts."""

    def by_http(texts: list[str]) -> list[Answer]:
        answers = http.post("/sentiment", json={"texts": texts}).raise_for_status().json()
        return [(answer["label"], answer["score"]) for answer in answers]

    def by_grpc(texts: list[str]) -> list[Answer]:
        results = stub.Sentiment(messages.SentimentRequest(texts=texts)).results
        return [(result.sentiment.label, result.sentiment.score) for result in results]

    return by_http if request.param == "http" else by_grpc


@pytest.fixture(scope="module")
def plain(ask: Callable[[list[str]], list[Answer]]) -> list[Answer]:
    """The answers to the sentences as a plain keyboard writes them."""
    return _in_parts(ask, SENTENCES)


@pytest.mark.parametrize("form", FORMS)
def test_a_sentence_scores_the_same_in_every_form(
    ask: Callable[[list[str]], list[Answer]], plain: list[Answer], form: str
) -> None:
    typed = [FORMS[form](sentence) for sentence in SENTENCES]
    for sentence, answer, expected in zip(typed, _in_parts(ask, typed), plain, strict=True):
        assert answer[0] == expected[0], ascii(sentence)
        assert answer[1] == pytest.approx(expected[1], abs=2e-5), ascii(sentence)


@pytest.mark.parametrize("form", ["apostrophe U+2019", "entities", "soft hyphens", "full width"])
def test_a_long_text_scores_the_same_in_every_form(
    ask: Callable[[list[str]], list[Answer]], form: str
) -> None:
    review = " ".join(SENTENCES * 12)
    plain, typed = ask([review, FORMS[form](review)])
    assert typed[0] == plain[0]
    assert typed[1] == pytest.approx(plain[1], abs=2e-5)


@pytest.mark.parametrize("text", ["&nbsp; &nbsp;", "\u00ad\u200b", "\ufeff\u2060 ", "&shy;", "\0"])
def test_a_text_of_which_nothing_can_be_seen_is_empty(http: httpx.Client, text: str) -> None:
    answer = http.post("/sentiment", json={"text": text})
    assert (answer.status_code, answer.json()["title"]) == (422, "Undecodable input")
