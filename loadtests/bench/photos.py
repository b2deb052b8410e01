"""The speed of small requests while other clients send photos of 12 megapixels."""

import http.client
import io
import math
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from PIL import Image

from loadtests.bench.errors import WrongAnswersError
from loadtests.bench.figures import Load, Measurement, Sample, measurement, median_of
from loadtests.bench.inputs import Inputs
from loadtests.bench.plan import Plan, Say
from loadtests.bench.requests import HOST, write_requests
from loadtests.bench.results import BesidePhotos
from loadtests.bench.servers import Server, Trident
from loadtests.bench.wrk import run_wrk

SIZE = (3000, 4000)
CONNECTIONS = 8
PHOTO_CONNECTIONS = 4

_PAPER, _INK, _GRAIN = 235, 190, 5.0  # brightness, how much darker strokes are, noise
_QUALITY = 85
_MARGIN = 1  # seconds for which photos are still sent after the small requests have ended


def make_photo(digit: bytes) -> bytes:
    """Return a JPEG of 3000x4000 pixels: a digit (a PNG, light on black) in ink on grainy paper."""
    with Image.open(io.BytesIO(digit)) as image:
        strokes = np.asarray(image.convert("L").resize(SIZE), dtype=np.float32) / 255
    grain = np.random.default_rng(0).standard_normal(strokes.shape, dtype=np.float32)
    page = (_PAPER - _INK * strokes + _GRAIN * grain).clip(0, 255).astype(np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(page).convert("RGB").save(buffer, "JPEG", quality=_QUALITY)
    return buffer.getvalue()


def measure_photos(
    plan: Plan, servers: Sequence[Server], inputs: Inputs, folder: Path, say: Say
) -> dict[str, BesidePhotos]:
    """Drive the servers in turn, with and without photos; skip a server that refuses them.

    Raises:
        WrongAnswersError: Trident refused the photo, or read another digit.
        LoadFailedError: wrk failed.
    """
    photo = make_photo(inputs.images[0])
    takers = [server for server in servers if _takes(server, photo, inputs.digits[0], say)]
    mixes = [_Mix(server, inputs, photo, folder, plan) for server in takers]
    rounds: dict[str, list[BesidePhotos]] = {}
    for number in range(plan.rounds):
        for mix in mixes if number % 2 == 0 else reversed(mixes):
            one = mix.drive()
            rounds.setdefault(mix.name, []).append(one)
            say(
                f"round {number + 1}: {mix.name} beside {one.photos.requests_per_second:.1f} "
                f"photos/s: {one.beside.requests_per_second:,.0f} requests/s, "
                f"p99 {one.beside.p99:.2f} ms; without: {one.alone.p99:.2f} ms"
            )
    return {name: _medians(found) for name, found in rounds.items()}


def _takes(server: Server, photo: bytes, digit: int, say: Say) -> bool:
    """Tell whether a server answers the photo.

    Only Trident's answer has to be right: the stock service only scales an image to the model's
    input, and can't tell ink on paper from light on black.
    """
    request = server.request("classify", photo)
    connection = http.client.HTTPConnection(HOST, server.port, timeout=60)
    headers = {"Content-Type": request.content_type}
    connection.request("POST", request.path, request.body, headers)
    response = connection.getresponse()
    status, body = response.status, response.read()
    connection.close()
    label = server.answer(body)["label"] if status == 200 else None
    if server.name == Trident.name and label != str(digit):
        raise WrongAnswersError(f"{server.name} answered the photo of a {digit}: {status}, {label}")
    say(f"{server.name}: a photo of a {digit} is answered with {status}, {label}")
    return status == 200


class _Mix:
    """The two loads of one server."""

    def __init__(
        self, server: Server, inputs: Inputs, photo: bytes, folder: Path, plan: Plan
    ) -> None:
        self.name = server.name
        self._server, self._plan = server, plan
        self._small, self._large = (folder / f"{server.name}-{n}" for n in ("small", "photo"))
        write_requests(self._small, [server.request("classify", one) for one in inputs.images])
        write_requests(self._large, [server.request("classify", photo)])

    def drive(self) -> BesidePhotos:
        """Drive the small requests alone, and then while photos are sent."""
        alone = self._drive_small()
        seconds = self._plan.warm_up_seconds + self._plan.seconds + _MARGIN
        with ThreadPoolExecutor(1) as thread:
            port = self._server.port
            photos = thread.submit(run_wrk, port, self._large, PHOTO_CONNECTIONS, seconds)
            beside = self._drive_small()
            return BesidePhotos(
                self._measurement(CONNECTIONS, alone),
                self._measurement(CONNECTIONS, beside),
                self._measurement(PHOTO_CONNECTIONS, photos.result()),
            )

    def _drive_small(self) -> Sample:
        run_wrk(self._server.port, self._small, CONNECTIONS, self._plan.warm_up_seconds)
        return run_wrk(self._server.port, self._small, CONNECTIONS, self._plan.seconds)

    def _measurement(self, connections: int, sample: Sample) -> Measurement:
        load = Load(self.name, "classify", "http", concurrency=connections)
        return measurement(load, sample, cpu_seconds=math.nan)  # the loads share the processor time


def _medians(rounds: Sequence[BesidePhotos]) -> BesidePhotos:
    return BesidePhotos(
        median_of([one.alone for one in rounds]),
        median_of([one.beside for one in rounds]),
        median_of([one.photos for one in rounds]),
    )
