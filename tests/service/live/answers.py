"""Comparing answers that may have been computed in different batches."""

import base64
from typing import Any

import pytest


def same(found: Any, expected: Any) -> bool:
    """Whether two JSON documents are equal, up to the last digits of their numbers."""
    if isinstance(expected, dict):
        return found.keys() == expected.keys() and all(same(found[k], expected[k]) for k in found)
    if isinstance(expected, list):
        return len(found) == len(expected) and all(map(same, found, expected))
    if isinstance(expected, float):
        return bool(found == pytest.approx(expected, rel=1e-3, abs=1e-4))
    return bool(found == expected)


def base64_text(data: bytes) -> str:
    """Return a file as the base64 string that JSON carries."""
    return base64.b64encode(data).decode()
