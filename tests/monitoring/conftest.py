"""Prometheus's own programs, which check the rules and answer the dashboard's queries."""

import shutil

import pytest


def _require(program: str) -> str:
    path = shutil.which(program)
    if path is None:
        pytest.skip(f"NOT CHECKED: {program} is missing; apt-get install prometheus brings it")
    return path


@pytest.fixture(scope="session")
def promtool() -> str:
    """The path of promtool."""
    return _require("promtool")


@pytest.fixture(scope="session")
def prometheus_program() -> str:
    """The path of Prometheus."""
    return _require("prometheus")
