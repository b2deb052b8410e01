"""The figures that are measured, and their arithmetic."""

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass, replace


def percentile(values: Sequence[float], share: float) -> float:
    """Return the smallest value that at least `share` (0..1) of the values don't exceed.

    The nearest-rank definition: the answer is always one of the values.

    Raises:
        ValueError: there are no values.
    """
    if not values:
        raise ValueError("there are no values to take a percentile of")
    rank = max(1, math.ceil(round(share * len(values), 9)))
    return sorted(values)[rank - 1]


@dataclass(frozen=True, slots=True)
class Sample:
    """What a load generator measured in one run; latencies in milliseconds, NaN without answers.

    `lateness` is how late the generator itself sent requests (99th percentile, ms), and
    `client_cpu` the share of a core that it used; None if the generator doesn't report it.
    """

    requests: int
    seconds: float
    p50: float
    p99: float
    p999: float
    errors: int
    lateness: float | None = None
    client_cpu: float | None = None

    def with_failures(self, count: int) -> "Sample":
        """Return the same figures, with `count` of the requests counted as failed."""
        return replace(self, requests=self.requests - count, errors=self.errors + count)


@dataclass(frozen=True, slots=True)
class Load:
    """A server and its load: `concurrency` is None in an open loop, `rate` in a closed one."""

    server: str
    endpoint: str
    protocol: str
    inputs_per_request: int = 1
    concurrency: int | None = None
    rate_share: float | None = None


@dataclass(frozen=True, slots=True)
class Measurement:
    """One load's figures: of one round, or the medians of several (errors: the sum).

    Latencies in milliseconds; CPU in seconds of the server's processes for 1,000 requests.
    """

    load: Load
    requests_per_second: float
    p50: float
    p99: float
    p999: float
    errors: int
    cpu_per_1000: float
    rate: float | None = None
    lateness: float | None = None
    client_cpu: float | None = None

    @property
    def inputs_per_second(self) -> float:
        """Images or texts per second."""
        return self.requests_per_second * self.load.inputs_per_request


def measurement(
    load: Load, sample: Sample, cpu_seconds: float, rate: float | None = None
) -> Measurement:
    """Combine the generator's figures and the server's cost."""
    return Measurement(
        load,
        requests_per_second=sample.requests / sample.seconds,
        p50=sample.p50,
        p99=sample.p99,
        p999=sample.p999,
        errors=sample.errors,
        cpu_per_1000=1000 * cpu_seconds / sample.requests if sample.requests else math.nan,
        rate=rate,
        lateness=sample.lateness,
        client_cpu=sample.client_cpu,
    )


def median_of(rounds: Sequence[Measurement]) -> Measurement:
    """Return the median of each figure over the rounds of one load."""
    return Measurement(
        rounds[0].load,
        requests_per_second=statistics.median(m.requests_per_second for m in rounds),
        p50=statistics.median(m.p50 for m in rounds),
        p99=statistics.median(m.p99 for m in rounds),
        p999=statistics.median(m.p999 for m in rounds),
        errors=sum(m.errors for m in rounds),
        cpu_per_1000=statistics.median(m.cpu_per_1000 for m in rounds),
        rate=_median([m.rate for m in rounds]),
        lateness=_median([m.lateness for m in rounds]),
        client_cpu=_median([m.client_cpu for m in rounds]),
    )


def medians(rounds: Sequence[Measurement]) -> list[Measurement]:
    """Return one measurement for each load, in the order in which the loads first came."""
    by_load: dict[Load, list[Measurement]] = {}
    for one in rounds:
        by_load.setdefault(one.load, []).append(one)
    return [median_of(same) for same in by_load.values()]


def _median(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return statistics.median(known) if known else None
