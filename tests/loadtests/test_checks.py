"""Servers that answer wrongly, or refuse photos, aren't measured."""

import asyncio
import io
import itertools
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
from PIL import Image

from loadtests.bench.check import check_http, share_of_like_neighbours
from loadtests.bench.errors import WrongAnswersError
from loadtests.bench.figures import Sample
from loadtests.bench.inputs import Input, Inputs
from loadtests.bench.photos import PHOTO_CONNECTIONS, make_photo, measure_photos
from loadtests.bench.plan import QUICK
from loadtests.bench.requests import Request
from loadtests.bench.servers import Server, image_type
from tests.loadtests.tiny_server import TinyServer


class _FakeServer:
    """Answers /classify from a table, on a port that `_Answers` listens on."""

    name = "fake"

    def __init__(self, port: int) -> None:
        self.port = port

    def request(self, endpoint: str, data: Input) -> Request:
        return Request(f"/{endpoint}", "image/png", cast("bytes", data))

    def answer(self, body: bytes) -> Mapping[str, Any]:
        return {"label": body.decode()}


@contextmanager
def _answering(wrong: int, status: str = "200 OK") -> Iterator[Server]:
    """Yield a server that echoes the image, which is its digit; the first `wrong` are wrong."""
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

    tiny = TinyServer()
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
    """Replace wrk with a function whose p99 is 9 ms while photos are being sent, else 1 ms."""
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
