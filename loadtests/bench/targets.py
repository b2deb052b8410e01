"""Trident's targets, each a ratio within one run, and what was measured."""

import math
from collections.abc import Iterator
from dataclasses import dataclass

from loadtests.bench.figures import Load, Measurement
from loadtests.bench.plan import IMAGES_PER_CALL
from loadtests.bench.results import Results

_MANY_AT_ONCE = 8
_HALF = 0.5


@dataclass(frozen=True, slots=True)
class Target:
    """A ratio that should be at least, or at most, `wanted`, and can't be above `possible`."""

    what: str
    wanted: float
    measured: float
    at_least: bool = True
    possible: float = math.inf

    @property
    def verdict(self) -> str:
        """Whether it was reached; "noise" if other work makes the figures unreliable."""
        if self.measured > self.possible:
            return "noise"
        reached = self.measured >= self.wanted if self.at_least else self.measured <= self.wanted
        return "met" if reached else "missed"


def judge(results: Results) -> list[Target]:
    """Return the targets for which everything was measured."""
    return [*_against_stock(results), *_against_ceiling(results), *_grpc(results), *_rest(results)]


def _against_stock(results: Results) -> Iterator[Target]:
    wanted = (
        ("classify", 1, 5.0),
        ("classify", 32, 12.0),
        ("classify", 128, 12.0),
        ("sentiment", 32, 15.0),
        ("embed", 32, 12.0),
    )
    for endpoint, connections, ratio in wanted:
        ours = results.closed("trident", endpoint, connections)
        stock = results.closed("stock", endpoint, connections)
        if ours and stock:
            what = f"/{endpoint}, {connections} at once, requests/s against stock"
            measured = _ratio(ours.requests_per_second, stock.requests_per_second)
            yield Target(what, ratio, measured)
            if (endpoint, connections) == ("classify", 32):
                what = "/classify, 32 at once, p99 against stock"
                yield Target(what, 1 / 20, _ratio(ours.p99, stock.p99), at_least=False)


def _against_ceiling(results: Results) -> Iterator[Target]:
    ours, ceiling = results.closed("trident", "classify", 128), results.ceiling.get("classify")
    if ours and ceiling:
        what = "/classify, 128 at once, requests/s against the ceiling"
        yield Target(what, 0.60, _ratio(ours.requests_per_second, ceiling), possible=1.0)


def _grpc(results: Results) -> Iterator[Target]:
    for concurrency in (32, 128):
        by_grpc = _grpc_measurement(results, 1, concurrency)
        by_http = results.closed("trident", "classify", concurrency)
        if by_grpc and by_http:
            what = f"gRPC, one image a call, {concurrency} at once, calls/s against our HTTP"
            measured = _ratio(by_grpc.requests_per_second, by_http.requests_per_second)
            yield Target(what, 0.60, measured)
    many = _grpc_measurement(results, IMAGES_PER_CALL, _MANY_AT_ONCE)
    ceiling = results.ceiling.get("classify")
    if many and ceiling:
        what = f"gRPC, {IMAGES_PER_CALL} images a call, {_MANY_AT_ONCE} at once, images/s against"
        measured = _ratio(many.inputs_per_second, ceiling)
        yield Target(f"{what} the ceiling", 0.70, measured, possible=1.0)


def _grpc_measurement(results: Results, images: int, concurrency: int) -> Measurement | None:
    return results.find(Load("trident", "classify", "grpc", images, concurrency))


def _rest(results: Results) -> Iterator[Target]:
    half = results.find(Load("trident", "classify", "http", rate_share=_HALF))
    lone = results.closed("trident", "classify", 1)
    if half and lone:
        what = "open loop at half of saturation, p99 against the p50 of a lone request"
        yield Target(what, 5.0, _ratio(half.p99, lone.p50), at_least=False)
    if results.cold_start:
        ours, stock = results.cold_start["trident"], results.cold_start["stock"]
        what = "cold start to ready against stock"
        yield Target(what, 1.0, _ratio(ours.ready, stock.ready), at_least=False)
    if results.memory:
        worker = results.memory.loaded_worker["trident"]
        what = "memory of a worker against a process that only loads the models"
        yield Target(what, 1.15, _ratio(worker, results.memory.bare), at_least=False)


def _ratio(one: float, other: float) -> float:
    return one / other if other else float("nan")
