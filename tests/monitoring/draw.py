"""Draws what a dashboard shows as a picture, panel by panel, as Grafana would lay them out."""

import json
import math
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import to_hex, to_rgb
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter

from tests.monitoring.dashboard import Panel
from tests.monitoring.page import CARD, CELL, DIM, LINE, PAGE, TEXT, Place
from tests.monitoring.prometheus import LivePrometheus
from tests.monitoring.units import show

_COLORS = {
    "green": "#73bf69",
    "orange": "#ff9830",
    "red": "#f2495c",
    "blue": "#5794f2",
    "purple": "#b877d9",
}
_PALETTE = (
    *("#73bf69", "#f2cc0c", "#8ab8ff", "#ff780a", "#f2495c", "#5794f2"),
    *("#b877d9", "#8f3bb8", "#37872d", "#fade2a", "#c4162a", "#1f60c4"),
)
_MOST_IN_LEGEND = 10

Series = list[tuple[str, dict[str, Any]]]
"""Series with their names; each has `metric`, and `values` (of a range) or `value`."""


class Picture:
    """A dashboard for a time range, on one page."""

    def __init__(self, prometheus: LivePrometheus, start: float, end: float, step: float) -> None:
        """All times are in seconds, of the Unix epoch."""
        self._prometheus = prometheus
        self._start, self._end, self._step = start, end, step

    def draw(self, panels: list[Panel], caption: str, path: Path) -> None:
        """Write a picture of the panels with a line of text below them."""
        rows = max(panel.top + panel.height for panel in panels) + 1
        with mpl.rc_context({"font.size": 7, "text.color": TEXT, "font.family": "DejaVu Sans"}):
            figure = Figure((24 * CELL[0], rows * CELL[1]), facecolor=PAGE, dpi=100)
            for panel in panels:
                self._draw_panel(Place(figure, panel, rows), panel)
            figure.text(0.006, 0.25 / rows, caption, color=DIM)
            figure.savefig(path, facecolor=PAGE)

    def _draw_panel(self, place: Place, panel: Panel) -> None:
        if panel.kind == "row":
            place.write_row(panel.title)
            return
        place.add_card(panel.title)
        _KINDS[panel.kind](place, panel, self._find_series(panel))

    def _find_series(self, panel: Panel) -> Series:
        found: Series = []
        for query, legend, target in zip(
            panel.queries, panel.legends, panel.json["targets"], strict=True
        ):
            if target.get("instant"):
                answers = self._prometheus.query(query, self._end)
            else:
                answers = self._prometheus.query_range(query, self._start, self._end, self._step)
            found += [(_name(legend, answer["metric"], target), answer) for answer in answers]
        return found


def _name(legend: str, metric: dict[str, str], target: dict[str, Any]) -> str:
    if legend == "__auto":
        return str(target["refId"])
    for label, value in metric.items():
        legend = legend.replace("{{" + label + "}}", value)
    return legend


def _values(series: dict[str, Any]) -> tuple[list[float], list[float]]:
    pairs = series.get("values") or [series["value"]]
    return [float(at) for at, _ in pairs], [float(value) for _, value in pairs]


def _on_grid(series: Series) -> tuple[list[float], list[list[float]]]:
    """Return all times, and each series' value at each of them, 0 where it has none."""
    times = sorted({at for _, one in series for at in _values(one)[0]})
    grid = []
    for _, one in series:
        known = dict(zip(*_values(one), strict=True))
        grid.append([_finite(known.get(at, 0.0)) for at in times])
    return times, grid


def _finite(value: float) -> float:
    return value if math.isfinite(value) else 0.0


def _draw_stat(place: Place, panel: Panel, series: Series) -> None:
    axes = place.add_axes(0.1, 0.08, 0.1)
    axes.set(xticks=[], yticks=[])
    if not series:
        axes.text(0.5, 0.6, "No data", ha="center", color=DIM, transform=axes.transAxes)
        return
    defaults = panel.json["fieldConfig"]["defaults"]
    times, values = _values(series[0][1])
    color = _color_of(values[-1], defaults["thresholds"]["steps"])
    axes.plot(times, values, color=color, linewidth=0.8)
    finite = [value for value in values if math.isfinite(value)] or [0.0]  # 0 / 0 is NaN
    low, high = min(finite), max(finite)
    axes.fill_between(times, values, low, color=color, alpha=0.2)
    axes.set_ylim(low, low + 3 * ((high - low) or 1))  # the lower third is the sparkline
    text = show(values[-1], defaults["unit"], defaults.get("decimals"))
    axes.text(0.5, 0.66, text, size=17, color=color, ha="center", va="center",
              transform=axes.transAxes)  # fmt: skip


def _color_of(value: float, steps: list[dict[str, Any]]) -> str:
    reached = [step for step in steps if step["value"] is None or value >= step["value"]]
    return _COLORS[reached[-1]["color"]]


def _draw_timeseries(place: Place, panel: Panel, series: Series) -> None:
    defaults = panel.json["fieldConfig"]["defaults"]
    series = sorted(series, key=lambda one: one[0])
    names = [name for name, _ in series]
    columns = _legend_columns(panel, names)
    legend_lines = math.ceil(min(len(series), _MOST_IN_LEGEND) / columns)
    axes = place.add_axes(0.5, 0.3 + 0.125 * legend_lines)
    _set_time_axis(axes, defaults["unit"])
    stacking = defaults["custom"]["stacking"]["mode"]
    if not series:
        axes.text(0.5, 0.5, "No data", ha="center", color=DIM, transform=axes.transAxes)
    elif stacking == "none":
        for color, (name, one) in zip(_choose_colors(panel, names), series, strict=True):
            axes.plot(*_values(one), color=color, linewidth=0.9, label=name)
    else:
        _draw_stack(axes, series, _choose_colors(panel, names), is_percent=stacking == "percent")
    axes.set_ylim(bottom=defaults.get("min"))
    _draw_thresholds(axes, defaults)
    if series:
        _write_legend(axes, columns)


def _legend_columns(panel: Panel, names: list[str]) -> int:
    longest = max(map(len, names), default=1)
    return max(1, int(panel.width * CELL[0] / (longest * 0.05 + 0.3)))


def _choose_colors(panel: Panel, names: list[str]) -> list[str]:
    """Return each series' color: the palette's next, or a shade of the one that it was given."""
    colors = [_PALETTE[at % len(_PALETTE)] for at in range(len(names))]
    for override in panel.json["fieldConfig"]["overrides"]:
        pattern = override["matcher"]["options"].strip("/")
        (color,) = (one["value"]["fixedColor"] for one in override["properties"])
        matching = [at for at, name in enumerate(names) if re.search(pattern, name)]
        for number, at in enumerate(matching):
            red, green, blue = (part * 0.75**number for part in to_rgb(_COLORS[color]))
            colors[at] = to_hex((red, green, blue))
    return colors


def _draw_stack(axes: Axes, series: Series, colors: list[str], *, is_percent: bool) -> None:
    times, grid = _on_grid(series)
    layers = np.array(grid)
    if is_percent:
        layers = layers / np.maximum(layers.sum(axis=0), 1e-12)
    axes.stackplot(
        times,
        layers,
        labels=[name for name, _ in series],
        colors=colors,
        alpha=0.75,
        linewidth=0,
    )


def _draw_thresholds(axes: Axes, defaults: dict[str, Any]) -> None:
    """Draw the thresholds that are near the values."""
    if defaults["custom"]["thresholdsStyle"]["mode"] == "off":
        return
    top = axes.get_ylim()[1]
    for step in defaults["thresholds"]["steps"]:
        if step["value"] is not None and step["value"] < 1.5 * top:
            axes.axhline(step["value"], color=_COLORS[step["color"]], linestyle="--", linewidth=0.7)


def _write_legend(axes: Axes, columns: int) -> None:
    handles, names = axes.get_legend_handles_labels()
    axes.legend(
        handles[:_MOST_IN_LEGEND],
        names[:_MOST_IN_LEGEND],
        loc="upper left",
        bbox_to_anchor=(-0.02, -0.13),
        ncols=columns,
        frameon=False,
        fontsize=5.8,
        labelcolor=DIM,
        handlelength=1,
        columnspacing=1,
        labelspacing=0.25,
        borderpad=0,
    )


def _set_time_axis(axes: Axes, unit: str) -> None:
    axes.grid(color=LINE, linewidth=0.5)
    axes.set_axisbelow(True)
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: show(value, unit, None)))
    axes.yaxis.set_major_locator(mpl.ticker.MaxNLocator(5))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda at, _: _clock(at)))
    axes.xaxis.set_major_locator(mpl.ticker.MultipleLocator(60))
    axes.margins(x=0)


def _clock(at: float) -> str:
    minutes = int(at // 60)
    return f"{minutes // 60 % 24:02}:{minutes % 60:02}"


def _draw_heatmap(place: Place, panel: Panel, series: Series) -> None:
    axes = place.add_axes(0.5, 0.22)
    unit = panel.json["options"]["yAxis"]["unit"]
    series = sorted(series, key=lambda one: float(one[1]["metric"]["le"]))
    times, grid = _on_grid(series)
    counts = np.diff(np.array(grid), axis=0, prepend=0.0)  # the buckets are cumulative
    used = np.flatnonzero(counts.sum(axis=1) > 0)
    low, high = int(used.min()), int(used.max()) + 1
    step = times[1] - times[0]
    axes.pcolormesh(
        [at - step / 2 for at in times] + [times[-1] + step / 2],
        np.arange(low, high + 1),
        np.ma.masked_less_equal(counts[low:high] ** 0.5, 0),
        cmap=panel.json["options"]["color"]["scheme"] + "_r",  # brighter means more, on a dark page
        edgecolors=CARD,
        linewidth=0.4,
    )
    bounds = [float(one["metric"]["le"]) for _, one in series[low:high]]
    _set_time_axis(axes, unit)
    axes.grid(visible=False)
    ticks = range(0, len(bounds), max(1, math.ceil(len(bounds) / 8)))
    axes.set_yticks(
        [low + at + 1 for at in ticks],
        ["+Inf" if math.isinf(bounds[at]) else show(bounds[at], unit, None) for at in ticks],
    )


def _draw_bars(place: Place, panel: Panel, series: Series) -> None:
    defaults = panel.json["fieldConfig"]["defaults"]
    axes = place.add_axes(1.35, 0.12, 0.55)
    names = [name for name, _ in series]
    values = [_values(one)[1][-1] for _, one in series]
    top = defaults.get("max", max(values))
    axes.barh(names, [top] * len(names), color=LINE, height=0.6)
    axes.barh(names, values, color=_COLORS["green"], height=0.6)
    for at, value in enumerate(values):
        text = " " + show(value, defaults["unit"], defaults.get("decimals"))
        axes.text(top, at, text, va="center", color=_COLORS["green"])
    axes.set_xticks([])
    axes.tick_params(axis="y", labelsize=6.5, colors=TEXT)
    axes.invert_yaxis()


def _draw_table(place: Place, panel: Panel, series: Series) -> None:
    """Draw the queries' values as columns, their labels in front, a row for each set of labels."""
    axes = place.add_axes(0.12, 0.1)
    axes.set_axis_off()
    options = {change["id"]: change["options"] for change in panel.json.get("transformations", [])}
    hidden = {"__name__", "job"} if "merge" in options else set()
    new_names = options.get("organize", {}).get("renameByName", {})
    rows: dict[str, dict[str, str]] = {}
    for name, one in series:
        labels = {key: text for key, text in one["metric"].items() if key not in hidden}
        row = rows.setdefault(json.dumps(labels), dict(labels))
        title, unit = _column(panel, name)
        row[title] = show(_values(one)[1][-1], unit, None)
    columns = list(dict.fromkeys(key for row in rows.values() for key in row))
    for x, column in enumerate(columns):
        left = x / len(columns)
        axes.text(left, 0.97, new_names.get(column, column), color="#6e9fff", va="top")
        for y, row in enumerate(rows.values()):
            axes.text(left, 0.97 - 0.125 * (y + 1), row.get(column, ""), va="top", size=6.5)


def _column(panel: Panel, query: str) -> tuple[str, str]:
    """Return a query's column's title and unit."""
    for override in panel.json["fieldConfig"]["overrides"]:
        if override["matcher"]["options"] in (f"Value #{query}", "Value"):
            found = {one["id"]: one["value"] for one in override["properties"]}
            return found["displayName"], found.get("unit", "none")
    return query, "none"


_KINDS: dict[str, Callable[[Place, Panel, Series], None]] = {
    "stat": _draw_stat,
    "timeseries": _draw_timeseries,
    "heatmap": _draw_heatmap,
    "bargauge": _draw_bars,
    "table": _draw_table,
}
