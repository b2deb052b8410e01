"""How often a shadow version agrees with the version that answers callers."""

import math
from collections import defaultdict
from typing import Final

from pydantic import BaseModel, Field

from service.telemetry.exposition import read_counter

_METRIC: Final = "trident_shadow_comparisons_total"
_Z: Final = 1.959964  # the standard normal distribution has 95% of its mass within 0 ± this


class ShadowComparison(BaseModel):
    """What came of the comparisons of a shadow's answers with those that callers got."""

    version: int = Field(description="The shadow version.")
    answering: int = Field(description="The version whose answers callers got.")
    compared: int = Field(description="How many answers were compared, since the service started.")
    agreed: int = Field(description="How many of them agreed.")
    rate: float | None = Field(description="The part that agreed, 0 to 1; null if none is known.")
    rate_low: float = Field(description="The low end of the rate's 95% confidence interval.")
    rate_high: float = Field(description="Its high end. The interval is Wilson's score interval.")


def read_shadow_comparisons() -> dict[str, list[ShadowComparison]]:
    """Return all comparisons by the model's name, summed over the worker processes. It blocks."""
    counts: defaultdict[tuple[str, int, int], dict[str, int]] = defaultdict(dict)
    for labels, count in read_counter(_METRIC):
        pair = labels["model"], int(labels["version"]), int(labels["answering"])
        counts[pair][labels["result"]] = int(count)
    comparisons: defaultdict[str, list[ShadowComparison]] = defaultdict(list)
    for (name, version, answering), results in sorted(counts.items()):
        agreed = results.get("agrees", 0)
        compared = agreed + results.get("differs", 0)
        low, high = wilson_interval(agreed, compared)
        comparisons[name].append(
            ShadowComparison(
                version=version,
                answering=answering,
                compared=compared,
                agreed=agreed,
                rate=agreed / compared if compared else None,
                rate_low=low,
                rate_high=high,
            )
        )
    return dict(comparisons)


def wilson_interval(successes: int, trials: int) -> tuple[float, float]:
    """Return the 95% score interval of a proportion.

    Source: E. B. Wilson, Probable Inference, the Law of Succession, and Statistical Inference,
    Journal of the American Statistical Association 22 (1927), 209-212.
    """
    if not trials:
        return 0.0, 1.0
    rate, z2 = successes / trials, _Z**2
    middle = (rate + z2 / (2 * trials)) / (1 + z2 / trials)
    spread = rate * (1 - rate) / trials + z2 / (4 * trials**2)
    half = _Z * math.sqrt(spread) / (1 + z2 / trials)
    return max(0.0, middle - half), min(1.0, middle + half)
