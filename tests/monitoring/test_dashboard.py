"""Every query of the dashboard, and every rule, against what a real Prometheus saw of a real
Trident under load."""

import asyncio
import math
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
import yaml
from PIL import Image

from tests.monitoring.dashboard import Panel, Values, find_panels, find_values, read_dashboard
from tests.monitoring.draw import Picture
from tests.monitoring.prometheus import CONFIGURATION, LivePrometheus
from tests.monitoring.traffic import Traffic
from tests.service.live.balancer.live_balancer import LiveBalancer
from tests.service.live_server import ROOT, LiveServer

GRAFANA = ROOT / "docker" / "grafana"
BOARD = read_dashboard()
RECORDED = [
    rule
    for group in yaml.safe_load((CONFIGURATION / "rules" / "recording.yml").read_text())["groups"]
    for rule in group["rules"]
]


class Watched(NamedTuple):
    """A Prometheus that has seen traffic of every kind, from `start` to `end`."""

    prometheus: LivePrometheus
    start: float
    end: float
    values: Values


def _window(_group: str, window: str) -> str:
    """Shrink a rule's windows to the length of the test; the week is also offset by "1h"."""
    return "20s" if window == "7d" else "8s"


@pytest.fixture(scope="module")
def watched(
    prometheus_program: str, haproxy: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Watched]:
    """Trident, its balancer and Prometheus after half a minute of traffic."""
    folder = tmp_path_factory.mktemp("watched")
    (folder / "server").mkdir()
    with (
        LiveServer(folder / "server", ROOT / "models", max_queue_size=64) as server,
        LiveBalancer(haproxy, folder, server.http_port, server.grpc_port) as balancer,
        LivePrometheus(folder, server, balancer, every="1s", window=_window) as prometheus,
    ):
        server.wait_until_ready()
        start = time.time()
        asyncio.run(_ask(server, balancer))
        values = find_values(BOARD, prometheus, "8s")
        yield Watched(prometheus, start, time.time(), values)


async def _ask(server: LiveServer, balancer: LiveBalancer) -> None:
    async with Traffic(server) as traffic, Traffic(balancer) as balanced:
        await balanced.steady(8, rate=40)
        await traffic.overload(6, clients=24)
        await traffic.odd(3, rate=30)
        await balanced.steady(8, rate=40)


def _has_data(series: list[dict[str, Any]]) -> bool:
    values = [value for one in series for _, value in one.get("values", [one.get("value")])]
    return any(math.isfinite(float(value)) for value in values)


def _is_empty(query: str, watched: Watched) -> bool:
    prometheus, start, end, _ = watched
    return not _has_data(prometheus.query_range(query, start, end, 1))


def test_every_query_of_the_dashboard_returns_data(watched: Watched) -> None:
    panels = find_panels(BOARD, watched.values)
    empty = [
        f"{panel.title}: {query}"
        for panel in panels
        for query in panel.queries
        if _is_empty(query, watched)
    ]
    assert empty == []
    assert {panel.kind for panel in panels} == {
        *("row", "stat", "timeseries", "heatmap", "bargauge", "table")
    }


def test_every_recording_rule_returns_data(watched: Watched) -> None:
    labels = [rule.get("labels", {}) for rule in RECORDED]
    selectors = [
        rule["record"] + "{" + ", ".join(f'{name}="{value}"' for name, value in own.items()) + "}"
        for rule, own in zip(RECORDED, labels, strict=True)
    ]
    assert [selector for selector in selectors if _is_empty(selector, watched)] == []


def test_every_rule_is_evaluated_without_an_error(watched: Watched) -> None:
    groups = watched.prometheus.get("rules")["groups"]
    rules = [rule for group in groups for rule in group["rules"]]
    assert [rule["name"] for rule in rules if rule["health"] != "ok"] == []


def test_the_dashboard_can_be_drawn(watched: Watched, tmp_path: Path) -> None:
    prometheus, start, end, values = watched
    file = tmp_path / "dashboard.png"
    panels = find_panels(BOARD, values)
    Picture(prometheus, start, end, step=1).draw(panels, "a test", file)
    picture = Image.open(file).convert("RGB")
    rows = max(panel.top + panel.height for panel in panels)
    assert picture.height / picture.width > 0.6 * rows / 24  # nothing is cut off below
    grey = [panel.title for panel in panels if not _is_coloured(picture, panel, rows + 1)]
    assert grey == [panel.title for panel in panels if panel.kind == "row"]


def _is_coloured(picture: Image.Image, panel: Panel, rows: int) -> bool:
    """Tell whether a panel shows data: cards, titles and "No data" are grey."""
    column, row = picture.width / 24, picture.height / rows
    right, bottom = panel.left + panel.width, panel.top + panel.height
    box = (panel.left * column, panel.top * row, right * column, bottom * row)
    pixels = np.asarray(picture.crop(box), dtype=np.int16)
    return bool((np.ptp(pixels, axis=2) > 40).any())


def test_both_protocols_and_every_model_are_among_the_values(watched: Watched) -> None:
    assert watched.values["job"] == ["trident"]
    assert set(watched.values["endpoint"]) == {"classify", "sentiment", "embed"}
    assert set(watched.values["protocol"]) == {"http", "grpc"}
    assert set(watched.values["classifier"]) == {"digits", "sentiment"}
    assert watched.values["autoencoder"] == ["embedding"]


@pytest.mark.parametrize(
    "expression",
    [
        'sum(increase(trident_rejected_total{reason=~"overloaded_.*"}[1m]))',
        'sum(increase(trident_inputs_dropped_total{reason="expired"}[1m]))',
        'sum(increase(trident_inputs_dropped_total{reason="abandoned"}[1m]))',
        "max_over_time(sum(trident_queue_depth)[1m:1s])",
        "max(max_over_time(job_endpoint_protocol:trident_errors:ratio_rate5m[1m]))",
    ],
)
def test_what_goes_wrong_is_counted(watched: Watched, expression: str) -> None:
    (answer,) = watched.prometheus.query(expression, watched.end)
    assert float(answer["value"][1]) > 0


def test_panels_dont_overlap_and_have_what_grafana_needs() -> None:
    taken: set[tuple[int, int]] = set()
    repeated = {"classifier": ["a", "b"], "autoencoder": ["c"]}
    others = {v["name"]: ["x"] for v in BOARD["templating"]["list"]} | {"__rate_interval": ["1m"]}
    panels = find_panels(BOARD, {**others, **repeated})
    for panel in panels:
        cells = _cells(panel)
        assert not taken & cells, panel.title
        taken |= cells
        if panel.kind != "row":
            assert panel.json["datasource"] == {"type": "prometheus", "uid": "${datasource}"}
            assert panel.json["fieldConfig"]["defaults"]
    ids = [panel["id"] for panel in BOARD["panels"]]
    assert len(ids) == len(set(ids))
    assert max(x for x, _ in taken) < 24


def _cells(panel: Panel) -> set[tuple[int, int]]:
    return {
        (x, y)
        for x in range(panel.left, panel.left + panel.width)
        for y in range(panel.top, panel.top + panel.height)
    }


def test_grafana_finds_the_dashboard_and_knows_how_often_prometheus_scrapes() -> None:
    provisioning = GRAFANA / "provisioning"
    (source,) = yaml.safe_load((provisioning / "datasources" / "prometheus.yml").read_text())[
        "datasources"
    ]
    scrape = yaml.safe_load((CONFIGURATION / "prometheus.yml").read_text())["global"]
    assert source["jsonData"]["timeInterval"] == scrape["scrape_interval"]
    (provider,) = yaml.safe_load((provisioning / "dashboards" / "trident.yml").read_text())[
        "providers"
    ]
    assert provider["options"]["path"] == "/etc/grafana/dashboards"
