"""Numbers as Grafana writes them."""

import math


def show(value: float, unit: str, decimals: int | None) -> str:
    """Write a value as Grafana writes it in a unit."""
    if not math.isfinite(value):
        return "-"
    if unit == "percentunit":
        return f"{_round(value * 100, decimals)}%"
    if unit == "s":
        for factor, name in ((60, "min"), (1, "s"), (1e-3, "ms"), (1e-6, "µs")):
            if abs(value) >= factor:
                return f"{_round(value / factor, decimals)} {name}"
        return "0 s"
    if unit == "bytes":
        for factor, name in ((2**30, "GiB"), (2**20, "MiB"), (2**10, "KiB")):
            if abs(value) >= factor:
                return f"{_round(value / factor, decimals)} {name}"
    suffix = {"reqps": " req/s", "ops": " /s"}.get(unit, "")
    return f"{_round(value, decimals)}{suffix}"


def _round(value: float, decimals: int | None) -> str:
    return f"{value:.{decimals}f}" if decimals is not None else f"{float(f'{value:.3g}'):g}"
