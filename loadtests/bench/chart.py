"""The chart that the README shows: requests/s, and latency at fixed rates."""

from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import StrMethodFormatter

from loadtests.bench.figures import Measurement
from loadtests.bench.plan import ENDPOINTS
from loadtests.bench.report import describe_machine
from loadtests.bench.results import Results

CONNECTIONS = 32
_COLOURS = {"trident": "#1f6feb", "stock": "#9aa4b1", "ceiling": "#1b1f24"}
_NAMES = {"trident": "Trident", "stock": "stock BentoML"}
_PLAIN = {"facecolor": "white", "edgecolor": "none", "pad": 0}
_HEIGHT = 0.38  # width of a bar; the distance between two endpoints is 1


def draw_chart(results: Results, path: Path) -> bool:
    """Draw the figures as a PNG; return whether there were any."""
    endpoints = [name for name in ENDPOINTS if results.closed("trident", name, CONNECTIONS)]
    open_loop = [found for found in results.measurements if found.rate is not None]
    if not endpoints:
        return False
    figure = Figure(figsize=(9.0, 3.4), layout="constrained")
    panels = figure.subplots(1, 2 if open_loop else 1, squeeze=False)[0]
    _draw_bars(panels[0], results, endpoints)
    if open_loop:
        _draw_curves(panels[1], open_loop)
    figure.suptitle(f"Trident against stock BentoML: {describe_machine(results)}", fontsize=10)
    figure.savefig(path, dpi=150)
    return True


def _draw_bars(axes: Axes, results: Results, endpoints: list[str]) -> None:
    most = 0.0
    for row, endpoint in enumerate(endpoints):
        rates = {name: _rate(results, name, endpoint) for name in _NAMES}
        for offset, (server, rate) in enumerate(rates.items()):
            at = row + (offset - 0.5) * _HEIGHT
            label = _NAMES[server] if row == 0 else None
            axes.barh(at, rate, _HEIGHT, color=_COLOURS[server], label=label)
            times = rate / rates["stock"] if rates["stock"] else 0.0
            text = f" {rate:,.0f}" + (f" ({times:.1f}x)" if server == "trident" else "")
            axes.text(rate, at, text, va="center", fontsize=8, bbox=_PLAIN)
        ceiling = results.ceiling.get(endpoint, 0.0)
        caption = "the models alone, no server" if row == 0 else ""
        axes.vlines(ceiling, row - _HEIGHT, row + _HEIGHT, _COLOURS["ceiling"], lw=2, label=caption)
        most = max(most, ceiling, *rates.values())
    axes.set_xlim(0, most * 1.2)
    axes.set_yticks(range(len(endpoints)), [f"/{name}" for name in endpoints])
    axes.invert_yaxis()
    axes.xaxis.set_major_formatter(StrMethodFormatter("{x:,.0f}"))
    axes.set_title(f"Requests/s at {CONNECTIONS} connections", fontsize=9)
    axes.tick_params(labelsize=8)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(fontsize=8, frameon=False, loc="upper center", bbox_to_anchor=(0.45, -0.1), ncols=3)


def _rate(results: Results, server: str, endpoint: str) -> float:
    found = results.closed(server, endpoint, CONNECTIONS)
    return found.requests_per_second if found else 0.0


def _draw_curves(axes: Axes, measurements: list[Measurement]) -> None:
    for server, name in _NAMES.items():
        curve = sorted(
            (one for one in measurements if one.load.server == server),
            key=lambda one: one.rate or 0,
        )
        rates = [one.rate or 0.0 for one in curve]
        colour = _COLOURS[server]
        axes.plot(
            rates, [one.p99 for one in curve], "o-", color=colour, ms=3.5, label=f"{name} p99"
        )
        axes.plot(
            rates, [one.p50 for one in curve], "o:", color=colour, ms=3.5, label=f"{name} p50"
        )
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xlabel("/classify, scheduled requests/s, Poisson arrivals", fontsize=8)
    axes.set_title("Latency in ms, from the scheduled time", fontsize=9)
    axes.tick_params(labelsize=8)
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter(StrMethodFormatter("{x:,g}"))
    axes.grid(alpha=0.3)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(fontsize=7, frameon=False)
