"""A clock that jumps disturbs nothing: all durations are measured by a clock that doesn't."""

import ast

from tests.service.test_rooms import modules

WALL_CLOCK = {"time.time", "time.time_ns", "datetime.now", "datetime.utcnow", "datetime.today"}

ALLOWED = {
    "service.telemetry.logs": "lines show the time of day",
    "service.bento.metrics_folder": "a file's age; a folder that somebody uses is locked besides",
    "service.telemetry.tracing": "spans show the time of day",
}
"""The modules that may ask for the time of day, and why that is right there."""


def test_only_what_shows_the_time_of_day_asks_for_it() -> None:
    asking = {
        name
        for name, path in modules("service").items()
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Attribute) and ast.unparse(node) in WALL_CLOCK
    }
    assert asking <= ALLOWED.keys()
