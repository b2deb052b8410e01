"""The log: its two forms, its levels, and the ids in its lines."""

import asyncio
import json
import logging
import re
import subprocess
import sys

import pytest

from service.errors import InferenceError, InternalError, UndecodableInputError
from service.telemetry.exchange import Observer
from tests.service.live_server import ROOT

PROGRAM = """
import logging
from service.telemetry.logs import configure_logging

configure_logging({form!r}, {level!r}, "3")
ours, theirs = logging.getLogger("service.x"), logging.getLogger("bentoml.x")
ours.debug("a detail")
theirs.info("their %s", "news")
try:
    1 / 0
except ZeroDivisionError:
    ours.exception("request %s failed", "abc", extra={{"request_id": "abc", "trace_id": ""}})
"""


WARNINGS = """
import warnings
from service.telemetry.logs import configure_logging

configure_logging("json", "info", "3")
for number in range(2000):
    warnings.warn(f"tag {number} makes no sense" + " at all" * 1000)
warnings.warn("another one", RuntimeWarning)
assert len(globals().get("__warningregistry__", {})) < 10
"""

QUOTING = """
import asyncio
import logging
from opentelemetry.baggage.propagation import W3CBaggagePropagator
from opentelemetry.trace.span import TraceState
from service.telemetry.logs import configure_logging

configure_logging({form!r}, "debug", "3")
W3CBaggagePropagator().extract({{"baggage": "PLANTED,\\xff=PLANTED"}})
TraceState().add("PLANTED", "PLANTED")
TraceState([("PLANTED", "PLANTED\\xff")])

async def fail(sent):
    int(sent)

async def main():
    failing = asyncio.create_task(fail("PLANTED"))
    await asyncio.sleep(0)
    del failing

asyncio.run(main())
try:
    try:
        int("PLANTED")
    except ValueError as error:
        raise ExceptionGroup("PLANTED", [error]) from KeyError("PLANTED")
except Exception:
    logging.getLogger("service.x").exception("a request failed")
try:
    open("/nowhere/PLANTED")
except OSError:
    logging.getLogger("bentoml.x").exception("a file")
try:
    raise MemoryError("no room for a shape of [2]")
except MemoryError:
    logging.getLogger().exception("the machine")
"""

DAMAGED_FILES = """
import numpy as np
from service.errors import TridentError
from service.tasks.preprocessing.images import FORMATS, decode_image
from service.telemetry.logs import configure_logging
from tests.service.drawings import encode, grey, handwritten

configure_logging("json", "info", "3")
rng = np.random.default_rng(0)
picture = grey(handwritten("5", 60))
files = [encode(picture, file_format) for file_format in FORMATS]
files += [encode(picture, "TIFF", compression=c) for c in ("tiff_lzw", "jpeg", "packbits")]
for data in files:
    for _ in range(100):
        damaged = bytearray(data)
        for place in rng.integers(8, len(data), size=6):
            damaged[place] = rng.integers(256)
        try:
            decode_image(bytes(damaged), channels=1, max_pixels=1_000_000)
        except TridentError:
            pass
"""


def log(form: str, level: str) -> str:
    """Return the output of a process that logs a little in this form, from this level on."""
    return output(PROGRAM.format(form=form, level=level))


def output(program: str) -> str:
    """Return a process's output; it must not print to standard error."""
    command = [sys.executable, "-c", program]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=True)
    assert run.stderr == ""
    return run.stdout


def test_a_json_line_is_an_object_with_all_that_is_known() -> None:
    (line,) = log("json", "info").splitlines()
    found = json.loads(line)
    assert re.fullmatch(r"[\dT:.-]+\+00:00", found.pop("time"))
    assert found.pop("exception").splitlines()[-1] == "ZeroDivisionError"
    assert found == {
        "level": "error",
        "worker": "3",
        "logger": "service.x",
        "message": "request abc failed",
        "request_id": "abc",
    }


def test_a_text_line_is_for_people() -> None:
    line, *traceback = log("text", "info").splitlines()
    assert re.fullmatch(r"[\dT:.-]+\+00:00 \[ERROR\] \[worker 3\] request abc failed", line)
    assert traceback[-1] == "ZeroDivisionError"


def test_only_the_service_itself_logs_more_than_it_would() -> None:
    assert "a detail" in log("text", "debug")
    assert "a detail" not in log("text", "info")
    assert "their news" not in log("text", "debug")


def test_warnings_are_log_lines_one_for_each_place_in_the_code() -> None:
    first, second = map(json.loads, output(WARNINGS).splitlines())
    assert first["message"].startswith("UserWarning: tag 0 makes no sense at all")
    assert len(first["message"]) < 1000
    assert second["message"].startswith("RuntimeWarning: another one (<string>:")
    assert first["level"] == second["level"] == "warning"
    assert first["worker"] == "3"


@pytest.mark.parametrize("form", ["text", "json"])
def test_no_line_quotes_what_an_exception_or_a_library_quotes(form: str) -> None:
    found = output(QUOTING.format(form=form))
    assert "PLANTED" not in found
    assert "Task exception was never retrieved" in found
    assert all(kind in found for kind in ("ValueError", "KeyError", "ExceptionGroup"))
    assert "FileNotFoundError: No such file or directory" in found
    assert "MemoryError: no room for a shape of [2]" in found


def test_damaged_files_leave_nothing_but_a_few_log_lines() -> None:
    lines = output(DAMAGED_FILES).splitlines()
    assert len(lines) < 20
    for line in map(json.loads, lines):
        assert line["logger"] == "py.warnings"


def test_a_failure_is_logged_with_the_requests_ids(caplog: pytest.LogCaptureFixture) -> None:
    observer = Observer("POST /x", "x", "test", ())
    trace_id = "0af7651916cd43dd8448eb211c80319c"

    async def fail() -> None:
        exchange = observer.begin("mine", f"00-{trace_id}-b7ad6b7169203331-01")
        observer.reject(exchange, UndecodableInputError("The caller's mistake."))
        observer.reject(exchange, InferenceError("The model failed on this input."))

    asyncio.run(fail())
    (record,) = caplog.records
    assert record.levelno == logging.ERROR
    assert record.getMessage() == "request mine: The model failed on this input."
    assert (record.request_id, record.trace_id) == ("mine", trace_id)  # type: ignore[attr-defined]


def test_a_defect_that_one_input_meets_is_logged_with_its_cause(
    caplog: pytest.LogCaptureFixture,
) -> None:
    observer = Observer("POST /x", "x", "test", ())
    defect = InternalError("The service failed on this input, see its log.")
    defect.__cause__ = TypeError("a bad operand")
    observer.reject(observer.begin("mine", None), defect)
    (record,) = caplog.records
    assert record.request_id == "mine"  # type: ignore[attr-defined]
    assert record.exc_info is not None
    assert record.exc_info[1] is defect.__cause__


@pytest.mark.parametrize("sent", [None, "", "un sane", "x" * 129, "a\nb"])
async def test_an_insane_request_id_is_replaced(sent: str | None) -> None:
    exchange = Observer("POST /x", "x", "test", ()).begin(sent, "nonsense")
    assert re.fullmatch(r"[0-9a-f]{32}", exchange.request_id)
    assert exchange.trace_id == ""
