"""Which images a caller wants: in JSON, in a form, or by nothing at all."""

import json
from typing import Any

import pytest

from service.api.reading.forms import Form, read_samples
from service.errors import MalformedRequestError, TooLargeError, UnsupportedMediaTypeError
from service.tasks.image_generation import Sample

JSON, FORM = "application/json", "application/x-www-form-urlencoded"


def read_json(**fields: Any) -> Form:
    return read_samples(JSON, json.dumps(fields).encode(), 256)


def test_every_image_has_the_label_the_seed_and_its_own_index() -> None:
    form = read_json(label="7", count=3, seed=5)
    assert form.inputs == [Sample("7", 5, index) for index in range(3)]
    assert form.is_list
    assert read_samples(FORM, b"label=7&count=3&seed=5", 256) == form


def test_without_a_count_there_is_one_image_and_no_list() -> None:
    assert read_json(label=7, seed=0) == Form([Sample(7, 0, 0)], is_list=False)
    assert read_json(count=1, seed=0).is_list


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("", b""),
        (JSON, b""),
        ("text/plain", b""),
        (JSON, b"{}"),
        (JSON, b'{"label": null, "count": null, "seed": null}'),
        (FORM, b"label=&count=&seed="),
    ],
)
def test_what_is_left_out_is_chosen(content_type: str, body: bytes) -> None:
    seeds = set()
    for _ in range(8):
        form = read_samples(content_type, body, 256)
        (sample,) = form.inputs
        assert (sample.label, sample.index, form.is_list) == (None, 0, False)
        assert 0 <= sample.seed < 2**32
        seeds.add(sample.seed)
    assert len(seeds) > 1


def test_a_label_may_have_any_letters() -> None:
    (sample,) = read_samples(FORM, b"label=gr%C3%B6%C3%9Fe", 256).inputs
    assert sample.label == "größe"
    (sample,) = read_samples(FORM, "label=größe&seed=1".encode(), 256).inputs
    assert sample.label == "größe"
    (sample,) = read_samples(f"{JSON}; charset=utf-16", '{"label": "ß"}'.encode("utf-16"), 1).inputs
    assert sample.label == "ß"


WRONG: list[tuple[str, bytes, str]] = [
    *((JSON, b'{"count": %s}' % count, "from 1 to 64") for count in (b"0", b"-1", b"1.0", b'"3"')),
    *((JSON, b'{"count": %s}' % count, "from 1 to 64") for count in (b"true", b"[]", b"{}")),
    *((JSON, b'{"seed": %s}' % seed, "0 to 4294967295") for seed in (b"-1", b"4294967296", b"1e3")),
    *((JSON, b'{"label": %s}' % label, "name of a label") for label in (b"true", b"[7]", b"7.0")),
    (JSON, b"7", "must be an object"),
    (JSON, b"{", "isn't valid JSON"),
    (JSON, b'{"colour": "red"}', "unknown fields: send label, count and seed"),
    (FORM, b"colour=red", "unknown fields"),
    (FORM, b"label=7&label=8&colour=", "unknown fields"),
    (FORM, b"count=three", "from 1 to 64"),
    (FORM, b"count=%D9%A3", "from 1 to 64"),
    (FORM, b"seed=" + b"9" * 5000, "0 to 4294967295"),
    (FORM, b"seed=-1", "0 to 4294967295"),
    (FORM, b'{"label": "7"}', "send it as application/json"),
]


@pytest.mark.parametrize(("content_type", "body", "words"), WRONG)
def test_what_is_wrong_is_said(content_type: str, body: bytes, words: str) -> None:
    with pytest.raises(MalformedRequestError, match=words) as caught:
        read_samples(content_type, body, 256)
    assert len(str(caught.value)) < 300
    assert "colour" not in str(caught.value)  # what a caller sends isn't repeated


@pytest.mark.parametrize(("max_inputs", "most"), [(256, 64), (5, 5)])
def test_there_are_only_so_many_in_a_request(max_inputs: int, most: int) -> None:
    body = f"count={most}".encode()
    assert len(read_samples(FORM, body, max_inputs).inputs) == most
    for count in (most + 1, 10**12):
        with pytest.raises(TooLargeError, match=f"at most {most} images"):
            read_samples(FORM, f"count={count}".encode(), max_inputs)


def test_a_body_of_another_size_or_type_is_refused() -> None:
    with pytest.raises(TooLargeError, match="over the limit of 65536"):
        read_samples(JSON, b"[" * 70_000, 256)
    with pytest.raises(UnsupportedMediaTypeError, match=r"\?label=7.*application/json.*-d label=7"):
        read_samples("multipart/form-data; boundary=B", b"--B--", 256)
