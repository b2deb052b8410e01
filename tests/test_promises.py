"""docs/promises.md names a test for each promise: it must be there."""

import ast
import re

import pytest

from tests.service.live_server import ROOT

PAGE = ROOT / "docs" / "promises.md"
TABLE_HEAD = {"| promise | figure | test |", "| --- | --- | --- |"}
LINES = [
    line
    for line in PAGE.read_text().splitlines()
    if line.startswith("| ") and line not in TABLE_HEAD
]


def test_the_page_has_promises() -> None:
    assert len(LINES) >= 8


@pytest.mark.parametrize("line", LINES)
def test_a_promise_names_tests_that_exist(line: str) -> None:
    named = re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", line.rpartition(" | ")[2])
    assert named, "no test"
    for file, test in named:
        assert test in _tests(file), f"{file} has no {test}"


def _tests(file: str) -> set[str]:
    tree = ast.parse((ROOT / file).read_text())
    functions = (ast.FunctionDef, ast.AsyncFunctionDef)
    return {node.name for node in ast.walk(tree) if isinstance(node, functions)}
