"""How a shadow's agreement is told."""

from collections.abc import Mapping

import pytest

from service.api.trident import shadow_comparisons
from service.api.trident.shadow_comparisons import read_shadow_comparisons, wilson_interval


@pytest.mark.parametrize(
    ("successes", "trials", "low", "high"),
    [
        # As R's prop.test(k, n, correct = FALSE) gives them.
        (9, 10, 0.5958, 0.9821),
        (0, 10, 0.0, 0.2775),
        (10, 10, 0.7225, 1.0),
        (81, 263, 0.2553, 0.3662),
        (0, 0, 0.0, 1.0),
    ],
)
def test_the_interval_is_wilsons(successes: int, trials: int, low: float, high: float) -> None:
    assert wilson_interval(successes, trials) == pytest.approx((low, high), abs=1e-4)


def test_results_are_counted_by_pairs_of_versions(monkeypatch: pytest.MonkeyPatch) -> None:
    def count(answering: int, result: str, value: float) -> tuple[Mapping[str, str], float]:
        labels = {"model": "mine", "version": "3", "answering": str(answering), "result": result}
        return labels, value

    counts = [
        *(count(2, "agrees", 9.0), count(2, "differs", 1.0)),
        *(count(1, "agrees", 0.0), count(1, "differs", 0.0)),
    ]
    monkeypatch.setattr(shadow_comparisons, "read_counter", lambda _: counts)
    first, second = read_shadow_comparisons()["mine"]
    assert (first.version, first.answering, first.compared, first.rate) == (3, 1, 0, None)
    assert (first.rate_low, first.rate_high) == (0.0, 1.0)
    assert (second.answering, second.compared, second.agreed, second.rate) == (2, 10, 9, 0.9)
