"""The overload's load test: its wires, what it finds, and what it complains about."""

from dataclasses import replace

import pytest

from loadtests.overload.flood import Flood, Outcome, Phase
from loadtests.overload.report import complaints
from loadtests.overload.session import Run, Step
from loadtests.overload.wires import WireMaker
from tests.loadtests.tiny_server import TinyServer

GOOD = Outcome(
    goodput=1000.0,
    p50=0.02,
    p99=0.1,
    good=10_000,
    refused=0,
    unsent=0,
    lost=0,
    retry_after=[0.0, 0.0, 0.0],
    returned=0,
    returned_good=0,
    lateness=0.0,
    abnormal=0.2,
)


def run_of(*during: Outcome) -> Run:
    steps = [
        Step("http", factor, outcome, GOOD, 10**9, 0.1, 1000.0)
        for factor, outcome in zip((1, 2, 5, 10), during, strict=False)
    ]
    return Run("classify", {"http": GOOD}, steps, {}, GOOD, GOOD, 10**9, separate=True)


def test_a_server_that_keeps_up_is_not_complained_about() -> None:
    assert complaints(run_of(GOOD, GOOD, GOOD, replace(GOOD, refused=90_000))) == []


@pytest.mark.parametrize(
    ("bad", "word"),
    [
        (replace(GOOD, goodput=800.0), "goodput"),
        (replace(GOOD, p99=0.3), "p99"),
        (replace(GOOD, lost=3), "lost"),
    ],
)
def test_it_says_what_is_not_as_promised(bad: Outcome, word: str) -> None:
    (line,) = complaints(run_of(GOOD, GOOD, GOOD, bad))
    assert word in line
    assert "10 times" in line


def test_a_flood_counts_every_request_once() -> None:
    with TinyServer().running() as port:  # whose requests have the body "x"
        flood = Flood(WireMaker("http", port, "sentiment", "x"), 4)
        flooded, after = flood.run([Phase(300.0, 1.0), Phase(20.0, 0.5)], slow=60.0)
    assert flooded.good + flooded.unsent + flooded.lost > 200
    assert flooded.refused == after.refused == 0
    assert flooded.good > 0
