"""What the load test's users ask a generator for, and how they judge the images."""

import base64
import json
from random import Random
from typing import Any
from urllib.parse import urlsplit

import pytest

from loadtests.clients.answers import BadAnswerError
from loadtests.clients.generation import (
    MOST,
    Wish,
    check_grpc,
    check_http,
    draw_wish,
    grpc_request,
    http_forms,
)
from service.api.reading.forms import read_samples
from service.api.reading.samples import FORM
from service.api.trident import inference_pb2 as messages
from service.api.trident.grpc_samples import read_samples as read_message

WISH = Wish("7", 2, 5)
PNGS = [b"\x89PNG\r\n\x1a\n" + letter for letter in (b"a", b"b")]


def answers(*changes: dict[str, Any]) -> bytes:
    """Return what a good server answers to `WISH` in JSON, with changes in each image."""
    return json.dumps(
        [
            {"image": base64.b64encode(png).decode(), "label": "7", "seed": 5} | change
            for png, change in zip(PNGS, changes or ({}, {}), strict=True)
        ]
    ).encode()


def response(*images: dict[str, Any]) -> messages.GenerateResponse:
    """Return the same over gRPC."""
    fields = images or ({}, {})
    results = [
        {"image": {"png": png, "label": "7", "seed": 5} | change}
        for png, change in zip(PNGS, fields, strict=False)
    ]
    return messages.GenerateResponse(results=results)


def test_wishes_differ_and_half_of_them_are_for_one_image() -> None:
    source = Random(1)
    wishes = [draw_wish(source) for _ in range(200)]
    assert {wish.label for wish in wishes} == set("0123456789")
    assert 60 < sum(wish.count == 1 for wish in wishes) < 140
    assert {wish.count for wish in wishes} == set(range(1, MOST + 1))


@pytest.mark.parametrize("wish", [WISH, Wish("0", 1, 2**32 - 1)])
def test_every_form_of_a_wish_says_the_same(wish: Wish) -> None:
    expected = read_message(grpc_request(wish))
    assert len(expected) == wish.count
    for target, body in http_forms(wish):
        query = urlsplit(target).query.encode()
        assert bool(query) != bool(body.content)
        form = read_samples(body.content_type or FORM, body.content or query, 64)
        assert form.inputs == expected
        assert form.is_list


def test_a_good_answer_is_no_error() -> None:
    check_http(WISH, answers())
    check_grpc(WISH, response())


@pytest.mark.parametrize(
    "content",
    [
        b"[]",
        b"{",
        b"{}",
        b"7",
        answers({}, {"label": "1"}),
        answers({"seed": 6}, {}),
        answers({}, {"image": "R0lGODlh"}),
        answers({}, {"image": None}),
        answers({}, {"image": base64.b64encode(PNGS[0]).decode()}),
    ],
)
def test_a_bad_answer_is_noticed(content: bytes) -> None:
    with pytest.raises(BadAnswerError):
        check_http(WISH, content)


@pytest.mark.parametrize(
    "answer",
    [
        messages.GenerateResponse(),
        response({}),
        response({}, {"label": "1"}),
        response({"png": b"GIF"}, {}),
        messages.GenerateResponse(results=[{"error": {"code": 13}}] * 2),
    ],
)
def test_a_bad_answer_over_grpc_is_noticed(answer: messages.GenerateResponse) -> None:
    with pytest.raises(BadAnswerError):
        check_grpc(WISH, answer)
