"""The benchmark's own arithmetic, parsing, generator and checks. Nothing here is a timing."""

import asyncio
import io
import itertools
import math
import struct
import threading
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from socket import SO_LINGER, SOL_SOCKET
from typing import Any, cast

import numpy as np
import orjson
import pytest
from click.testing import CliRunner
from PIL import Image

from loadtests.bench import tools
from loadtests.bench.__main__ import main
from loadtests.bench.chart import draw_chart
from loadtests.bench.check import check_http, share_of_like_neighbours
from loadtests.bench.errors import LoadFailedError, MissingToolError, WrongAnswersError
from loadtests.bench.figures import Load, Measurement, Sample, measurement, medians, percentile
from loadtests.bench.h2load import frame, parse_h2load
from loadtests.bench.inputs import Input, Inputs, split_sentences
from loadtests.bench.open_loop import OpenLoop, poisson_arrivals, read_status
from loadtests.bench.photos import PHOTO_CONNECTIONS, make_photo, measure_photos
from loadtests.bench.plan import QUICK
from loadtests.bench.report import make_console, print_report, write_json
from loadtests.bench.requests import HOST, Request, read_requests, write_requests
from loadtests.bench.results import BesidePhotos, ColdStart, Machine, Memory, Results
from loadtests.bench.servers import Server, image_type
from loadtests.bench.targets import judge
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


def test_arrivals_are_as_many_as_the_rate_says_and_never_the_same_gap() -> None:
    arrivals = list(poisson_arrivals(1000, 10, seed=1))
    assert 9500 < len(arrivals) < 10500
    assert arrivals == sorted(arrivals) == list(poisson_arrivals(1000, 10, seed=1))
    gaps = np.diff(arrivals)
    assert 0.9 < gaps.std() / gaps.mean() < 1.1  # an exponential distribution's are equal


def test_an_answer_is_read_once_it_is_whole() -> None:
    answer = b"HTTP/1.1 429 Too Many Requests\r\ncontent-type: a\r\nContent-Length: 3\r\n\r\nabc"
    assert read_status(answer) == 429
    assert all(read_status(answer[:size]) is None for size in range(len(answer)))
    assert read_status(b"HTTP/1.1 200 OK\r\n\r\nno length") == 0


class _TinyServer:
    """Answers every request at once, but stalls once, for half a second."""

    STALL = 0.5

    def __init__(
        self,
        status: str = "200 OK",
        stall_at: int = 0,
        close_at: int = 0,
        answers_each: float = math.inf,
        *,
        resets: bool = False,
    ) -> None:
        """Close a connection after its `answers_each`th answer, or reset it at the next request."""
        self._status, self._stall_at, self._close_at = status, stall_at, close_at
        self._answers_each, self._resets = answers_each, resets
        self._count = 0

    @asynccontextmanager
    async def _listening(self) -> AsyncIterator[int]:
        server = await asyncio.start_server(self._serve, HOST, 0)
        async with server:
            yield server.sockets[0].getsockname()[1]

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        answered = 0
        try:
            while answered < self._answers_each or self._resets:
                await reader.readuntil(b"\r\n\r\nx")
                if answered == self._answers_each:
                    now = struct.pack("ii", 1, 0)
                    writer.get_extra_info("socket").setsockopt(SOL_SOCKET, SO_LINGER, now)
                    break
                self._count += 1
                if self._count == self._close_at:
                    break
                if self._count == self._stall_at:
                    await self._stall()
                writer.write(f"HTTP/1.1 {self._status}\r\ncontent-length: 2\r\n\r\nok".encode())
                answered += 1
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        writer.close()

    async def _stall(self) -> None:
        import time

        time.sleep(self.STALL)  # noqa: ASYNC251 - the whole server stands still

    @contextmanager
    def running(self) -> Iterator[int]:
        """Serve in a thread; give the port."""
        ports: list[int] = []
        started, ended = threading.Event(), threading.Event()

        async def serve() -> None:
            async with self._listening() as port:
                ports.append(port)
                started.set()
                await asyncio.to_thread(ended.wait)

        thread = threading.Thread(target=asyncio.run, args=(serve(),))
        thread.start()
        try:
            assert started.wait(10)
            yield ports[0]
        finally:
            ended.set()
            thread.join(10)


REQUEST = [Request("/", "text/plain", b"x").raw()]


def _drive(server: _TinyServer, arrivals: list[float], **options: float) -> OpenLoop:
    with server.running() as port:
        loop = OpenLoop(port, REQUEST, connections=4)
        loop.run(arrivals, **options)
    return loop


def test_a_stall_is_felt_by_all_requests_that_were_due_meanwhile() -> None:
    """A closed loop would have seen four slow requests: one on each connection."""
    arrivals = [number / 100 for number in range(100)]
    loop = _drive(_TinyServer(stall_at=20), arrivals)
    assert (len(loop.latencies), loop.errors) == (100, 0)
    slow = [latency for latency in loop.latencies if latency > 0.1 * _TinyServer.STALL]
    assert len(slow) >= 30
    assert max(loop.latencies) >= _TinyServer.STALL * 0.95


def test_refusals_and_lost_connections_are_errors_and_no_latencies() -> None:
    arrivals = [number / 1000 for number in range(50)]
    refused = _drive(_TinyServer("429 Too Many Requests"), arrivals)
    assert (refused.latencies, refused.errors) == ([], 50)
    lost = _drive(_TinyServer(close_at=10), arrivals)
    assert (len(lost.latencies), lost.errors) == (49, 1)


def test_a_connection_closed_while_idle_loses_no_request() -> None:
    """As every HTTP client does: servers close what idles, uvicorn after five seconds."""
    loop = _drive(_TinyServer(answers_each=1), [number / 50 for number in range(20)])
    assert (len(loop.latencies), loop.errors) == (20, 0)


def test_a_request_that_a_closing_server_never_read_is_sent_again_once() -> None:
    arrivals = [number / 50 for number in range(20)]
    loop = _drive(_TinyServer(answers_each=1, resets=True), arrivals)
    assert (len(loop.latencies), loop.errors) == (20, 0)
    never = _drive(_TinyServer(answers_each=0, resets=True), arrivals)
    assert (never.latencies, never.errors) == ([], 20)


def test_what_is_never_answered_counts_as_an_error_with_the_time_it_waited() -> None:
    loop = _drive(_TinyServer(stall_at=1), [0.0, 0.01], grace=0.2)
    assert loop.errors == 2
    assert min(loop.latencies) >= 0.2


class _FakeServer:
    """Answers /classify out of a table, behind a port that `_Answers` listens on."""

    name = "fake"

    def __init__(self, port: int) -> None:
        self.port = port

    def request(self, endpoint: str, data: Input) -> Request:
        return Request(f"/{endpoint}", "image/png", cast("bytes", data))

    def answer(self, body: bytes) -> Mapping[str, Any]:
        return {"label": body.decode()}


@contextmanager
def _answering(wrong: int, status: str = "200 OK") -> Iterator[Server]:
    """Give a server that echoes the image, which is its digit, but errs on the first `wrong`."""
    count = 0

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal count
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).lower()
                length = int(head.partition(b"content-length:")[2].partition(b"\r\n")[0])
                digit = await reader.readexactly(length)
                count += 1
                digit = b"?" if count <= wrong else digit
                writer.write(f"HTTP/1.1 {status}\r\ncontent-length: 1\r\n\r\n".encode() + digit)
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    tiny = _TinyServer()
    tiny._serve = serve  # type: ignore[method-assign]
    with tiny.running() as port:
        yield cast("Server", _FakeServer(port))


DIGITS = [number % 10 for number in range(200)]
INPUTS = Inputs([str(digit).encode() for digit in DIGITS], DIGITS, [], [], [])


def test_a_server_that_answers_rightly_is_let_through() -> None:
    with _answering(wrong=2) as server:
        assert check_http(server, "classify", INPUTS) == 0.99


def test_a_server_that_answers_wrongly_is_refused() -> None:
    with _answering(wrong=20) as server, pytest.raises(WrongAnswersError, match=r"fake.*90\.0%"):
        check_http(server, "classify", INPUTS)


def test_a_server_that_answers_with_errors_is_refused() -> None:
    with (
        _answering(wrong=0, status="503 Service Unavailable") as server,
        pytest.raises(WrongAnswersError, match="503"),
    ):
        check_http(server, "classify", INPUTS)


def test_embeddings_are_judged_by_their_neighbours() -> None:
    labels = [0, 0, 1, 1]
    apart = np.array([[0.0, 0.0], [0.1, 0.0], [5.0, 5.0], [5.0, 5.1]])
    assert share_of_like_neighbours(apart, labels) == 1.0
    assert share_of_like_neighbours(apart, [0, 1, 0, 1]) == 0.0


def _digit_png() -> bytes:
    """Return a stroke, light on black, as MNIST's digits are."""
    pixels = np.zeros((28, 28), np.uint8)
    pixels[4:24, 12:16] = 255
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()


def test_a_photo_is_a_digit_on_paper_of_12_megapixels() -> None:
    photo = make_photo(_digit_png())
    assert 1e6 < len(photo) < 3e6
    assert image_type(photo) == "image/jpeg"
    with Image.open(io.BytesIO(photo)) as image:
        assert (image.format, image.size) == ("JPEG", (3000, 4000))
        small = np.asarray(image.convert("L").resize((28, 28), Image.Resampling.BOX))
    assert small[14, 14] < 100 < 200 < small[14, 2]


@pytest.fixture
def mixed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have wrk replaced by something whose p99 is 9 ms while photos are under way, else 1 ms."""
    coming, ended = threading.Event(), threading.Event()
    runs = itertools.count(1)  # of the small requests: a warm-up and a round alone, then beside

    def run(port: int, requests: Path, connections: int, seconds: int) -> Sample:
        if connections == PHOTO_CONNECTIONS:
            coming.set()
            assert ended.wait(10)
            return Sample(40, 2.0, 200, 300, 400, 3)
        number = next(runs)
        beside = number > 2 and coming.wait(10)
        if number == 4:
            ended.set()
        return Sample(100, 1.0, 0.5, 9.0 if beside else 1.0, 12, 0)

    monkeypatch.setattr("loadtests.bench.photos.run_wrk", run)
    monkeypatch.setattr("loadtests.bench.photos.make_photo", lambda digit: digit)


@pytest.mark.usefixtures("mixed")
def test_small_requests_are_measured_alone_and_while_photos_come(tmp_path: Path) -> None:
    with _answering(wrong=0) as server:
        found = measure_photos(QUICK, [server], INPUTS, tmp_path, lambda line: None)
    one = found["fake"]
    assert (one.alone.p99, one.beside.p99) == (1.0, 9.0)
    assert (one.photos.requests_per_second, one.photos.errors) == (20, 3)


@pytest.mark.usefixtures("mixed")
def test_a_server_that_refuses_photos_is_left_out_but_for_trident(tmp_path: Path) -> None:
    said: list[str] = []
    with _answering(wrong=0, status="413 Content Too Large") as server:
        assert measure_photos(QUICK, [server], INPUTS, tmp_path, said.append) == {}
        assert "413" in said[0]
        server.name = "trident"
        with pytest.raises(WrongAnswersError, match=r"trident.*413"):
            measure_photos(QUICK, [server], INPUTS, tmp_path, said.append)


@pytest.mark.usefixtures("mixed")
def test_trident_must_read_the_photo_rightly(tmp_path: Path) -> None:
    with _answering(wrong=1) as server:
        server.name = "trident"
        with pytest.raises(WrongAnswersError, match=r"photo of a 0: 200, \?"):
            measure_photos(QUICK, [server], INPUTS, tmp_path, lambda line: None)


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
