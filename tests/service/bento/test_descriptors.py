"""The limit of open files, and the connections that fit into it."""

import logging
import resource
from typing import Any

import pytest

from service.bento.descriptors import make_room_for, possible_connections


@pytest.fixture
def limits(monkeypatch: pytest.MonkeyPatch) -> dict[str, int]:
    """Stands for this process's limits, and takes new ones."""
    held = {"soft": 1024, "hard": 4096}

    def change(_: int, pair: Any) -> None:
        held["soft"], held["hard"] = pair

    monkeypatch.setattr(resource, "getrlimit", lambda _: (held["soft"], held["hard"]))
    monkeypatch.setattr(resource, "setrlimit", change)
    return held


@pytest.mark.parametrize(
    ("soft", "possible"), [(64, 32), (1024, 768), (100_000, 10_000), (-1, 10_000)]
)
def test_some_descriptors_are_kept_for_files(
    limits: dict[str, int], soft: int, possible: int
) -> None:
    limits["soft"] = soft
    assert possible_connections(10_000) == possible


def test_the_limit_is_raised_as_far_as_it_is_needed(
    limits: dict[str, int], caplog: pytest.LogCaptureFixture
) -> None:
    make_room_for(2_000)
    assert limits == {"soft": 2_256, "hard": 4_096}
    assert possible_connections(2_000) == 2_000
    make_room_for(1_000)
    assert limits["soft"] == 2_256
    assert caplog.messages == []


def test_one_sentence_says_that_it_can_not_be_raised_far_enough(
    limits: dict[str, int], caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        make_room_for(10_000)
    assert limits["soft"] == limits["hard"] == 4_096
    (sentence,) = caplog.messages
    assert "3840 connections" in sentence
    assert "TRIDENT_MAX_CONNECTIONS" in sentence
    assert "10256" in sentence
