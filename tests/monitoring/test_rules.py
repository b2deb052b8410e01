"""The rules for Prometheus: they are valid, each alert is tested, and each has its runbook."""

import re
import subprocess
from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.service.live_server import ROOT

PROMETHEUS = ROOT / "docker" / "prometheus"
ALERTS = [
    rule
    for group in yaml.safe_load((PROMETHEUS / "rules" / "alerts.yml").read_text())["groups"]
    for rule in group["rules"]
]
each_alert = pytest.mark.parametrize("alert", ALERTS, ids=lambda rule: rule["alert"])


def _run(*command: str) -> None:
    run = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert run.returncode == 0, run.stdout + run.stderr


def test_the_configuration_is_valid(promtool: str) -> None:
    _run(promtool, "check", "config", str(PROMETHEUS / "prometheus.yml"))


@pytest.mark.parametrize("file", sorted((PROMETHEUS / "tests").iterdir()), ids=lambda p: p.stem)
def test_alerts_fire_when_they_should_and_only_then(promtool: str, file: Path) -> None:
    _run(promtool, "test", "rules", str(file))


def test_each_alert_is_tested_firing_and_silent() -> None:
    tested: defaultdict[str, set[bool]] = defaultdict(set)
    for file in (PROMETHEUS / "tests").iterdir():
        for test in yaml.safe_load(file.read_text())["tests"]:
            for case in test.get("alert_rule_test", []):
                tested[case["alertname"]].add(bool(case["exp_alerts"]))
    assert tested == {alert["alert"]: {True, False} for alert in ALERTS}


@each_alert
def test_an_alert_says_what_is_wrong(alert: dict[str, Any]) -> None:
    assert alert["labels"]["severity"] in {"critical", "warning"}
    assert alert["annotations"]["summary"]
    # An alert about something absent has no value; every other alert shows a value or a label.
    says = re.findall(r"\$value|\$labels", alert["annotations"]["description"])
    assert says or alert["expr"].startswith("absent(")


@each_alert
def test_an_alert_has_a_paragraph_in_the_runbook(alert: dict[str, Any]) -> None:
    file, anchor = alert["annotations"]["runbook_url"].split("#")
    headings = re.findall(r"^#+ (.+)$", (ROOT / file).read_text(), re.MULTILINE)
    assert anchor in {heading.lower().replace(" ", "-") for heading in headings}
    assert anchor == alert["alert"].lower()
