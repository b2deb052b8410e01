"""Prometheus's own programs, which check the rules and answer the dashboard's queries; HAProxy."""

import shutil

import pytest


def _require(program: str, package: str = "prometheus") -> str:
    path = shutil.which(program)
    if path is None:
        pytest.skip(f"NOT CHECKED: {program} is missing; apt-get install {package} brings it")
    return path


@pytest.fixture(scope="session")
def promtool() -> str:
    """The path of promtool."""
    return _require("promtool")


@pytest.fixture(scope="session")
def prometheus_program() -> str:
    """The path of Prometheus."""
    return _require("prometheus")


@pytest.fixture(scope="session")
def haproxy() -> str:
    """The path of HAProxy."""
    return _require("haproxy", "haproxy")
