"""The benchmark's own arithmetic and parsing. Nothing here is a timing."""

import math
from pathlib import Path
from typing import Any

import pytest

from loadtests.bench.errors import LoadFailedError
from loadtests.bench.figures import Load, Sample, measurement, percentile
from loadtests.bench.h2load import frame, parse_h2load
from loadtests.bench.inputs import split_sentences
from loadtests.bench.requests import Request, read_requests, write_requests
from loadtests.bench.wrk import parse_wrk

SAMPLES = Path(__file__).with_name("samples")


def test_a_percentile_is_the_value_of_nearest_rank() -> None:
    values = [float(value) for value in range(100, 0, -1)]
    assert percentile(values, 0.5) == 50
    assert percentile(values, 0.99) == 99
    assert percentile(values, 0.999) == 100
    assert percentile([7.0], 0.01) == 7
    with pytest.raises(ValueError, match="no values"):
        percentile([], 0.5)


def test_cpu_is_told_for_a_thousand_requests() -> None:
    sample = Sample(requests=500, seconds=2.0, p50=1, p99=2, p999=3, errors=0)
    found = measurement(Load("a", "classify", "grpc", 32), sample, cpu_seconds=1.5)
    assert (found.requests_per_second, found.cpu_per_1000) == (250, 3.0)
    assert found.inputs_per_second == 8000


def test_nothing_answered_is_no_division_by_zero() -> None:
    sample = Sample(requests=0, seconds=2.0, p50=1, p99=2, p999=3, errors=9)
    assert math.isnan(measurement(Load("a", "classify", "http"), sample, 1.0).cpu_per_1000)


def test_wrk_is_understood() -> None:
    sample = parse_wrk((SAMPLES / "wrk.txt").read_text())
    assert sample.requests == 72704
    assert sample.seconds == pytest.approx(2.013188)
    assert (sample.p50, sample.p99, sample.p999) == (0.077, 10.398, 22.792)
    assert sample.errors == 0


def test_a_refused_request_is_an_error_and_no_answer() -> None:
    sample = parse_wrk((SAMPLES / "wrk-refused.txt").read_text())
    assert (sample.requests, sample.errors) == (0, 26283)


def test_h2load_is_understood() -> None:
    output = (SAMPLES / "h2load.txt").read_text()
    log = "".join(f"17954200{n:08}\t200\t{n * 10}\n" for n in range(1, 101))
    sample = parse_h2load(output, log, seconds=2)
    assert (sample.requests, sample.errors) == (50, 0)
    assert (sample.p50, sample.p99, sample.p999) == (0.5, 0.99, 1.0)
    assert sample.with_failures(3) == Sample(47, 2, 0.5, 0.99, 1.0, 3)


@pytest.mark.parametrize("parse", [parse_wrk, lambda text: parse_h2load(text, "", 1)])
def test_output_without_a_result_is_an_error(parse: Any) -> None:
    with pytest.raises(LoadFailedError, match="unable to connect"):
        parse("unable to connect to 127.0.0.1:1 Connection refused")


def test_a_grpc_message_is_prefixed_by_its_length() -> None:
    assert frame(b"abc") == b"\0\0\0\0\x03abc"


def test_requests_survive_their_file(tmp_path: Path) -> None:
    requests = [Request("/embed", "image/png", bytes(range(256))), Request("/a", "b/c", b"x")]
    write_requests(tmp_path / "requests", requests)
    assert read_requests(tmp_path / "requests") == [request.raw() for request in requests]
    assert requests[1].raw().endswith(b"Content-Type: b/c\r\nContent-Length: 1\r\n\r\nx")


def test_sentences_keep_their_natural_lengths() -> None:
    review = 'Great!<br /><br />I mean it... "Really?" Yes. !!!'
    assert split_sentences(review) == ["Great!", "I mean it...", '"Really?" Yes.']
