"""From the figures of a run to targets, table, JSON and chart."""

from pathlib import Path

import orjson
import pytest
from click.testing import CliRunner

from loadtests.bench import tools
from loadtests.bench.__main__ import main
from loadtests.bench.chart import draw_chart
from loadtests.bench.errors import MissingToolError
from loadtests.bench.figures import Load, Measurement, Sample, measurement, medians
from loadtests.bench.plan import QUICK
from loadtests.bench.report import make_console, print_report, write_json
from loadtests.bench.results import BesidePhotos, ColdStart, Machine, Memory, Results
from loadtests.bench.targets import judge


def _found(load: Load, rate: float, p99: float = 1.0, errors: int = 0) -> Measurement:
    return Measurement(load, rate, 0.5, p99, 2 * p99, errors, cpu_per_1000=0.1)


def test_rounds_become_medians_and_their_errors_a_sum() -> None:
    one, other = Load("a", "classify", "http"), Load("b", "classify", "http")
    rounds = [
        _found(one, 100, 5.0, 1),
        _found(other, 7),
        _found(one, 900, 1.0, 0),
        _found(one, 200, 9.0, 2),
    ]
    first, second = medians(rounds)
    assert (first.load, first.requests_per_second, first.p99, first.errors) == (one, 200, 5.0, 3)
    assert (second.load, second.requests_per_second) == (other, 7)


def _results() -> Results:
    machine = Machine(2, "a processor", "Linux", "3.11.7", {"bentoml": "1.4.39"})
    results = Results(QUICK, machine, "2026-11-23")
    rates = {"trident": 6000.0, "stock": 400.0}
    for server, rate in rates.items():
        for connections in (1, 32, 128):
            load = Load(server, "classify", "http", concurrency=connections)
            results.measurements.append(_found(load, rate, 12.0 if server == "trident" else 400.0))
        half = Load(server, "classify", "http", rate_share=0.5)
        sample = Sample(100, 1.0, 0.6, 2.0, 3.0, 0, lateness=0.1, client_cpu=0.2)
        results.measurements.append(measurement(half, sample, 0.1, rate=rate / 2))
    for images, rate in ((1, 3000.0), (32, 400.0)):
        for concurrency in (8, 32):
            load = Load("trident", "classify", "grpc", images, concurrency)
            results.measurements.append(_found(load, rate))
    small, photos = (Load("trident", "classify", "http", concurrency=count) for count in (8, 4))
    results.photos["trident"] = BesidePhotos(
        _found(small, 4000.0), _found(small, 900.0, 43.0), _found(photos, 17.5, errors=2)
    )
    results.ceiling = {"classify": 16_000.0}
    results.cold_start = {"trident": ColdStart(4.0, 4.1), "stock": ColdStart(5.0, 6.0)}
    results.memory = Memory(500, {"trident": 520}, {"trident": 600}, {"trident": 700})
    return results


def test_targets_are_ratios_within_the_run() -> None:
    found = {target.what: target for target in judge(_results())}
    rates = found["/classify, 32 at once, requests/s against stock"]
    assert (rates.measured, rates.verdict) == (15.0, "met")
    tail = found["/classify, 32 at once, p99 against stock"]
    assert tail.measured == pytest.approx(0.03)
    assert tail.verdict == "met"
    ceiling = found["/classify, 128 at once, requests/s against the ceiling"]
    assert (ceiling.measured, ceiling.verdict) == (0.375, "missed")
    many = found["gRPC, 32 images a call, 8 at once, images/s against the ceiling"]
    assert (many.measured, many.verdict) == (0.8, "met")
    half = found["open loop at half of saturation, p99 against the p50 of a lone request"]
    assert (half.measured, half.verdict) == (4.0, "met")
    memory = found["memory of a worker against a process that only loads the models"]
    assert memory.verdict == "missed"
    assert found["cold start to ready against stock"].verdict == "met"


def test_a_server_faster_than_its_model_alone_is_noise() -> None:
    results = _results()
    results.ceiling = {"classify": 3000.0}
    verdicts = [target.verdict for target in judge(results) if "the ceiling" in target.what]
    assert verdicts == ["noise", "noise"]


def test_a_busy_machine_is_told_of(capsys: pytest.CaptureFixture[str]) -> None:
    results = _results()
    print_report(results, make_console())
    assert "noise" not in capsys.readouterr().out
    results.foreign_load = 0.4
    print_report(results, make_console())
    assert "40% of the machine" in capsys.readouterr().out


def test_targets_without_figures_are_left_out() -> None:
    assert judge(Results(QUICK, _results().machine, "2026-11-23")) == []


def test_memory_is_printed_in_megabytes_and_a_near_miss_shows(
    capsys: pytest.CaptureFixture[str],
) -> None:
    results = _results()
    results.memory = Memory(
        500_000_000, {"trident": 550_000_000}, {"trident": 575_600_000}, {"trident": 700_000_000}
    )
    print_report(results, make_console())
    rows = [line.split("│")[1:-1] for line in capsys.readouterr().out.splitlines()]
    cells = [[cell.strip() for cell in row] for row in rows]
    assert ["trident's worker", "550", "576", "700"] in cells
    assert ["at most 1.150", "1.151", "missed"] in [row[1:] for row in cells]


def test_the_report_is_printed_written_and_drawn(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    results = _results()
    print_report(results, make_console())
    printed = capsys.readouterr().out
    assert "15.0x" in printed
    assert "missed" in printed
    beside = next(line for line in printed.splitlines() if "17.5" in line)
    assert [cell.strip() for cell in beside.split("│")[1:-1]] == [
        *("trident", "17.5", "900", "0.50", "43.00", "86.00", "0", "0", "2")
    ]
    write_json(results, tmp_path / "bench.json")
    written = orjson.loads((tmp_path / "bench.json").read_bytes())
    assert written["results"]["machine"]["cores"] == 2
    assert written["results"]["photos"]["trident"]["beside"]["p99"] == 43.0
    assert len(written["targets"]) == len(judge(results))
    assert draw_chart(results, tmp_path / "bench.png")
    assert (tmp_path / "bench.png").read_bytes().startswith(b"\x89PNG")


def test_nothing_is_drawn_out_of_nothing(tmp_path: Path) -> None:
    empty = Results(QUICK, _results().machine, "2026-11-23")
    assert not draw_chart(empty, tmp_path / "bench.png")
    assert not (tmp_path / "bench.png").exists()


def test_a_missing_tool_is_named_with_its_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.which", lambda name: None)
    with pytest.raises(MissingToolError, match="apt-get install wrk nghttp2-client"):
        tools.require(["wrk", "h2load"])
    outcome = CliRunner().invoke(main, ["--quick"])
    assert outcome.exit_code == 1
    assert "apt-get install" in outcome.output
    assert "Traceback" not in outcome.output
