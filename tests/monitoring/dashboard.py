"""The dashboard as Grafana reads it: variables filled in, panels repeated."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.monitoring.prometheus import LivePrometheus
from tests.service.live_server import ROOT

DASHBOARD = ROOT / "docker" / "grafana" / "dashboards" / "trident.json"

Values = Mapping[str, list[str]]


@dataclass(frozen=True, slots=True)
class Panel:
    """A panel at its place in a grid of 24 columns; `json` is its part of Grafana's file."""

    title: str
    kind: str
    left: int
    top: int
    width: int
    height: int
    queries: list[str]
    legends: list[str]
    json: dict[str, Any]


def read_dashboard(path: Path = DASHBOARD) -> dict[str, Any]:
    """Return a dashboard's file."""
    dashboard: dict[str, Any] = json.loads(path.read_text())
    return dashboard


def find_values(dashboard: dict[str, Any], prometheus: LivePrometheus, window: str) -> Values:
    """Return each variable's values, all of them selected; `window` is the rates' window."""
    values = {"__rate_interval": [window]}
    for variable in dashboard["templating"]["list"]:
        if variable["type"] == "query":
            query = _fill_in(variable["query"]["query"], values)
            series, label = re.fullmatch(r"label_values\((.+), (\w+)\)", query).groups()  # type: ignore[union-attr]
            values[variable["name"]] = prometheus.label_values(series, label)
    return values


def find_panels(dashboard: dict[str, Any], values: Values) -> list[Panel]:
    """Return the panels, repeated as the dashboard says, with the variables filled in."""
    return [
        panel
        for json_ in dashboard["panels"]
        for panel in (_repeat(json_, values) if "repeat" in json_ else [_make_panel(json_, values)])
    ]


def _repeat(json_: dict[str, Any], values: Values) -> list[Panel]:
    """Return a panel for each value of the variable that it is repeated by, side by side."""
    name = json_["repeat"]
    place = json_["gridPos"]
    width = place["w"] // max(1, len(values[name]))
    return [
        _make_panel(
            json_ | {"gridPos": place | {"x": place["x"] + at * width, "w": width}},
            {**values, name: [value]},
        )
        for at, value in enumerate(values[name])
    ]


def _make_panel(json_: dict[str, Any], values: Values) -> Panel:
    place = json_["gridPos"]
    targets = json_.get("targets", [])
    return Panel(
        title=_fill_in(json_["title"], values),
        kind=json_["type"],
        left=place["x"],
        top=place["y"],
        width=place["w"],
        height=place["h"],
        queries=[_fill_in(target["expr"], values) for target in targets],
        legends=[target["legendFormat"] for target in targets],
        json=json_,
    )


def _fill_in(text: str, values: Values) -> str:
    """Replace $NAME by its value, or by an alternative of its values as in a regular expression."""

    def value(found: re.Match[str]) -> str:
        chosen = values[found[1]]
        return chosen[0] if len(chosen) == 1 else f"({'|'.join(chosen)})"

    return re.sub(r"\$(\w+)", value, text)
