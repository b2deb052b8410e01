"""Callers of both protocols that ask a model all the time, and notice what must never happen."""

import itertools
import threading
import time
from collections import Counter
from collections.abc import Callable
from typing import Final, NamedTuple, Self

import grpc
import httpx

from service.api.trident import inference_pb2 as messages
from tests.service.live.grpc_client import inference_stub
from tests.service.live_server import LiveServer

LONGEST: Final = 600.0
"""Seconds after which a caller stops by itself."""
TIMEOUT: Final = 60.0
PAUSE: Final = 0.01
_OWN_CONNECTION: Final = (("grpc.use_local_subchannel_pool", 1),)


class Answer(NamedTuple):
    """Who answered, and what. A later release of a model must compare as greater."""

    version: int
    label: str


class RefusedError(Exception):
    """The service answered, but not with 200 or OK. Its argument is the status, and the reason."""


class Traffic:
    """Callers of one model, each with one request at a time; use it in a `with`.

    An answer by an older release than one that had arrived before its request was sent is in
    `went_back`, whoever got the newer one, and over which protocol.
    """

    def __init__(self, server: LiveServer, image: bytes, model: str = "") -> None:
        """Ask nothing yet. `model` is a name; without it the default model is asked."""
        self._server = server
        self._image = image
        self._model = model
        self._stopping = threading.Event()
        self._changing = threading.Lock()
        self._newest = Answer(0, "")
        self._answers: Counter[tuple[str, Answer]] = Counter()
        self.refused: Counter[str] = Counter()
        """Answers that weren't 200 or OK."""
        self.lost: Counter[str] = Counter()
        """Requests whose connection broke."""
        self.went_back: list[str] = []
        callers = (
            self._over_one_http_connection,
            self._over_one_http_connection,
            self._over_new_http_connections,
            self._over_one_grpc_channel,
            self._over_one_grpc_channel,
            self._over_new_grpc_channels,
            self._over_everything_in_turn,
        )
        self._threads = [threading.Thread(target=caller) for caller in callers]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        for thread in self._threads:
            thread.join()

    @property
    def versions(self) -> set[int]:
        """The versions that have answered."""
        with self._changing:
            return {answer.version for _, answer in self._answers}

    @property
    def refusals(self) -> set[str]:
        """The protocols and statuses of `refused`, for instance "HTTP 404"."""
        with self._changing:
            return {reason.partition(":")[0] for reason in self.refused}

    def has_answer(self, version: int, label: str | None = None) -> bool:
        """Whether a version has answered over both protocols, and with this label."""
        with self._changing:
            protocols = {
                protocol
                for protocol, answer in self._answers
                if answer.version == version and label in (None, answer.label)
            }
        return protocols == {"HTTP", "gRPC"}

    def check(self) -> None:
        """Fail if anything went wrong. Broken connections count, too."""
        assert not self.refused, self.refused
        assert not self.lost, self.lost
        self.check_order()

    def check_order(self) -> None:
        """Fail if an older release has answered after a newer one."""
        assert not self.went_back
        assert self._answers

    def _over_one_http_connection(self) -> None:
        with self._http_client() as client:
            self._repeat("HTTP", lambda: self._post(client))

    def _over_new_http_connections(self) -> None:
        with new_connections(self._server) as client:
            self._repeat("HTTP", lambda: self._post(client))

    def _over_one_grpc_channel(self) -> None:
        with self._channel() as channel:
            self._repeat("gRPC", lambda: self._call(channel))

    def _over_new_grpc_channels(self) -> None:
        self._repeat("gRPC", self._call_anew)

    def _over_everything_in_turn(self) -> None:
        with (
            self._http_client() as client,
            new_connections(self._server) as new,
            self._channel() as channel,
        ):
            turns = (
                ("HTTP", lambda: self._post(client)),
                ("gRPC", lambda: self._call(channel)),
                ("HTTP", lambda: self._post(new)),
                ("gRPC", self._call_anew),
            )
            give_up = time.monotonic() + LONGEST
            for protocol, ask in itertools.cycle(turns):
                if self._stopping.wait(PAUSE) or time.monotonic() > give_up:
                    return
                self._ask(protocol, ask)

    def _repeat(self, protocol: str, ask: Callable[[], Answer]) -> None:
        give_up = time.monotonic() + LONGEST
        while not self._stopping.wait(PAUSE) and time.monotonic() < give_up:
            self._ask(protocol, ask)

    def _ask(self, protocol: str, ask: Callable[[], Answer]) -> None:
        seen = self._newest
        try:
            answer = ask()
        except RefusedError as error:
            with self._changing:
                self.refused[f"{protocol} {error}"] += 1
        except ConnectionError as error:
            with self._changing:
                self.lost[f"{protocol} {error}"] += 1
        else:
            with self._changing:
                self._answers[protocol, answer] += 1
                if answer < seen:
                    self.went_back.append(f"{protocol}: {answer} after {seen}")
                self._newest = max(self._newest, answer)

    def _http_client(self) -> httpx.Client:
        return httpx.Client(base_url=self._server.url, timeout=TIMEOUT)

    def _channel(self) -> grpc.Channel:
        return grpc.insecure_channel(self._server.grpc_target, _OWN_CONNECTION)

    def _call_anew(self) -> Answer:
        with self._channel() as channel:
            return self._call(channel)

    def _post(self, client: httpx.Client) -> Answer:
        model = {"model": self._model} if self._model else {}
        headers = {"content-type": "image/png"}
        try:
            response = client.post("/classify", params=model, content=self._image, headers=headers)
        except httpx.TimeoutException as error:
            raise RefusedError(f"no answer within {TIMEOUT} s") from error
        except httpx.TransportError as error:
            raise ConnectionError(repr(error)) from error
        if response.status_code != 200:
            raise RefusedError(f"{response.status_code}: {response.text}")
        answer = response.json()
        return Answer(answer["version"], answer["label"])

    def _call(self, channel: grpc.Channel) -> Answer:
        choice = messages.ModelChoice(name=self._model)
        request = messages.ClassifyRequest(images=[self._image], model=choice)
        try:
            response = inference_stub(channel).Classify(request, timeout=TIMEOUT)
        except grpc.RpcError as error:
            told = f"{error.code().name}: {error.details()}"
            # Each answer of the service has its id: without one, the connection broke.
            is_answer = "x-request-id" in {entry.key for entry in error.trailing_metadata() or ()}
            if is_answer or error.code() is not grpc.StatusCode.UNAVAILABLE:
                raise RefusedError(told) from error
            raise ConnectionError(told) from error
        return Answer(response.model.version, response.results[0].classification.label)


def new_connections(server: LiveServer) -> httpx.Client:
    """Return a client that opens a connection for each request: any worker may answer."""
    limits = httpx.Limits(max_keepalive_connections=0)
    return httpx.Client(base_url=server.url, timeout=TIMEOUT, limits=limits)
