"""Users of Trident for locust: they send a request, check the answer, pause, and repeat.

    locust -f loadtests/locustfile.py --host http://localhost:3000

There are two kinds, one for each protocol; name one to run it alone. In a headless run the exit
code says whether the limits were kept (--max-p95, --max-error-rate, and not more wrong labels than
the models' known error rates explain). With workers, that is the exit code of the master.

Run it in the repository's folder. It needs `loadtests/clients/`, the generated stubs in
`service/api/trident/`, `tests/data/` and requirements/loadtest.lock, and nothing else of the
project.
"""

import logging
import random
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any
from urllib.parse import urlsplit

import grpc
from grpc.experimental.gevent import init_gevent
from locust import FastHttpUser, User, between, events, task
from locust.argument_parser import LocustArgumentParser
from locust.contrib.fasthttp import ResponseContextManager
from locust.env import Environment
from locust.runners import WorkerRunner

from loadtests.clients.answers import BadAnswerError, read_grpc, read_http
from loadtests.clients.bodies import BAD_REQUESTS, Body, make_bodies
from loadtests.clients.calls import BAD_CALLS, failure, make_request, retry_after
from loadtests.clients.generation import (
    Wish,
    check_grpc,
    check_http,
    draw_wish,
    grpc_request,
    http_forms,
)
from loadtests.clients.samples import TASKS, Sample, read_samples
from loadtests.clients.verdict import Limits, Run, Tally, complaints
from service.api.trident.inference_pb2_grpc import InferenceStub

init_gevent()

logger = logging.getLogger(__name__)
tally = Tally()
_random = random.Random()  # noqa: S311 - what a client asks is no secret

MOST_INPUTS = 16
TIMEOUT = 30.0  # seconds
OVERLOADED = (429, 503)
LONGEST_PAUSE = 10.0  # the longest Retry-After that a user obeys, in seconds
GRPC_PORT = 3001


class Client(User):
    """What the users of both protocols do, mostly one input at a time."""

    abstract = True
    wait_time = between(0.1, 1.0)

    @task(40)
    def classify(self) -> None:
        """Send an image."""
        self.ask("classify", _draw("classify", 1))

    @task(40)
    def sentiment(self) -> None:
        """Send a sentence."""
        self.ask("sentiment", _draw("sentiment", 1))

    @task(20)
    def embed(self) -> None:
        """Send an image."""
        self.ask("embed", _draw("embed", 1))

    @task(8)
    def several(self) -> None:
        """Send several inputs in one request."""
        chosen = _random.choice(TASKS)
        self.ask(chosen, _draw(chosen, _random.randint(2, MOST_INPUTS)))

    @task(4)
    def generate(self) -> None:
        """Have images made."""
        self.ask_for(draw_wish(_random))

    @task(4)
    def bad(self) -> None:
        """Send a request that must be refused."""
        self.ask_badly()

    def ask(self, chosen: str, samples: Sequence[Sample]) -> None:
        """Send a request and check its answer."""
        raise NotImplementedError

    def ask_for(self, wish: Wish) -> None:
        """Have images made, and check them."""
        raise NotImplementedError

    def ask_badly(self) -> None:
        """Send a bad request and check its refusal."""
        raise NotImplementedError


class HttpClient(Client, FastHttpUser):
    """A user of the HTTP interface, in all forms that a request can have."""

    weight = 2
    network_timeout = connection_timeout = TIMEOUT

    def ask(self, chosen: str, samples: Sequence[Sample]) -> None:
        """Send a request in one of its forms."""
        body = _random.choice(make_bodies(chosen, [sample.data for sample in samples]))
        name = _name(f"/{chosen}", samples)
        self._check(f"/{chosen}", body, name, partial(_check_http, chosen, samples))

    def ask_for(self, wish: Wish) -> None:
        """Send a wish in one of its forms."""
        target, body = _random.choice(http_forms(wish))
        self._check(target, body, "/generate", partial(check_http, wish))

    def ask_badly(self) -> None:
        """Send one of `BAD_REQUESTS`: the documented refusal is the success."""
        target, body, status = _random.choice(BAD_REQUESTS)
        with self._post(target, body, f"{target.partition('?')[0]} (bad)") as response:
            if response.status_code == status:
                response.success()
            else:
                response.failure(f"answered {response.status_code} instead of {status}")

    def _check(self, target: str, body: Body, name: str, check: Callable[[bytes], None]) -> None:
        """Send a request and check its answer; pause if the server asks for it."""
        with self._post(target, body, name) as response:
            if response.status_code == 200:
                try:
                    check(response.content or b"")
                except BadAnswerError as error:
                    response.failure(error)
            elif response.status_code:  # without a status, locust itself has an error
                response.failure(f"answered {response.status_code}")
        if response.status_code in OVERLOADED:
            _pause(response.headers.get("retry-after"))

    def _post(self, target: str, body: Body, name: str) -> ResponseContextManager:
        return self.client.post(
            target,
            data=body.content,  # type: ignore[arg-type]  # bytes are taken, too
            headers={"Content-Type": body.content_type} if body.content_type else {},
            name=name,
            catch_response=True,
        )


class GrpcClient(Client):
    """A user of the gRPC interface, with its own connection."""

    weight = 1

    def on_start(self) -> None:
        """Open the connection."""
        options = [("grpc.use_local_subchannel_pool", 1)]
        self._channel = grpc.insecure_channel(_grpc_target(self.environment), options)
        self._stub = InferenceStub(self._channel)  # type: ignore[no-untyped-call]

    def on_stop(self) -> None:
        """Close the connection."""
        self._channel.close()

    def ask(self, chosen: str, samples: Sequence[Sample]) -> None:
        """Call the task's method."""
        request = make_request(chosen, [sample.data for sample in samples])
        method = chosen.capitalize()
        self._check(method, request, _name(method, samples), partial(_check_grpc, chosen, samples))

    def ask_for(self, wish: Wish) -> None:
        """Call Generate."""
        self._check("Generate", grpc_request(wish), "Generate", partial(check_grpc, wish))

    def ask_badly(self) -> None:
        """Make one of `BAD_CALLS`: the documented refusal is the success."""
        request, expected = _random.choice(BAD_CALLS)
        with self._reported("Classify (bad)"):
            try:
                self._stub.Classify(request, timeout=TIMEOUT)
            except grpc.RpcError as error:
                if error.code().name != expected:
                    raise failure(error) from None
            else:
                raise BadAnswerError(f"answered instead of {expected}")

    def _check(self, method: str, request: Any, name: str, check: Callable[[Any], None]) -> None:
        """Call a method and check its response; pause if the server asks for it."""
        pause = None
        with self._reported(name) as report:
            try:
                response = getattr(self._stub, method)(request, timeout=TIMEOUT)
            except grpc.RpcError as error:
                pause = retry_after(error)
                raise failure(error) from None
            report["response_length"] = response.ByteSize()
            check(response)
        _pause(pause)

    @contextmanager
    def _reported(self, name: str) -> Iterator[dict[str, Any]]:
        """Report a call to locust, as failed if BadAnswerError is raised.

        A call that the end of the run interrupts isn't reported: it neither failed nor succeeded.
        """
        report: dict[str, Any] = {"response_length": 0, "exception": None}
        started = time.perf_counter()
        try:
            yield report
        except BadAnswerError as error:
            report["exception"] = error
        milliseconds = (time.perf_counter() - started) * 1e3
        self.environment.events.request.fire(
            request_type="gRPC", name=name, response_time=milliseconds, context={}, **report
        )


@events.init_command_line_parser.add_listener
def add_arguments(parser: LocustArgumentParser) -> None:
    """Add the project's own arguments; each is an environment variable, too."""
    group = parser.add_argument_group("Trident")
    group.add_argument(
        "--grpc-host",
        env_var="LOCUST_GRPC_HOST",
        default="",
        metavar="HOST:PORT",
        help=f"Address of gRPC, HOST:PORT. Default: port {GRPC_PORT} of --host",
    )
    group.add_argument(
        "--max-p95",
        env_var="LOCUST_MAX_P95",
        type=float,
        default=250.0,
        metavar="MS",
        help="Headless: fail if the p95 (ms) is higher than this. Default: %(default)s",
    )
    group.add_argument(
        "--max-error-rate",
        env_var="LOCUST_MAX_ERROR_RATE",
        type=float,
        default=0.001,
        metavar="SHARE",
        help="Headless: fail if a larger share of the requests failed. Default: %(default)s",
    )


@events.test_start.add_listener
def forget(**_: Any) -> None:
    """Start with an empty tally."""
    tally.clear()


@events.report_to_master.add_listener
def tell_master(data: dict[str, Any], **_: Any) -> None:
    """Send a worker's tally along with its statistics."""
    data["tally"] = tally.report()


@events.worker_report.add_listener
def hear_worker(data: Mapping[str, Any], **_: Any) -> None:
    """Add a worker's tally to the master's."""
    tally.absorb(data["tally"])


@events.quitting.add_listener
def judge(environment: Environment, **_: Any) -> None:
    """Set the exit code of a headless run. Workers leave it to their master."""
    options = environment.parsed_options
    if isinstance(environment.runner, WorkerRunner):
        environment.process_exit_code = 0
    elif options is not None and options.headless:
        total = environment.stats.total
        run = Run(total.num_requests, total.num_failures, total.get_response_time_percentile(0.95))
        found = complaints(run, Limits(options.max_p95, options.max_error_rate), tally)
        if environment.runner is not None and environment.runner.exceptions:
            found.append("The users' code raised an exception, see above.")
        for complaint in found:
            logger.error("Failed: %s", complaint)
        environment.process_exit_code = 1 if found else 0


def _draw(chosen: str, count: int) -> list[Sample]:
    return _random.choices(read_samples(chosen), k=count)


def _name(name: str, samples: Sequence[Sample]) -> str:
    return name if len(samples) == 1 else f"{name} (several)"


def _check_http(chosen: str, samples: Sequence[Sample], content: bytes) -> None:
    _record(chosen, samples, read_http(chosen, content, len(samples)))


def _check_grpc(chosen: str, samples: Sequence[Sample], response: Any) -> None:
    _record(chosen, samples, read_grpc(chosen, response, len(samples)))


def _record(chosen: str, samples: Sequence[Sample], labels: Sequence[str]) -> None:
    """Record the labels; an embedding has none."""
    for sample, label in zip(samples, labels, strict=False):
        tally.record(chosen, sample.name, right=label == sample.label)


def _pause(seconds: str | None) -> None:
    """Wait as long as an overloaded server asks. Others go on, since locust patches `sleep`."""
    if seconds is not None and seconds.isdecimal():
        time.sleep(min(float(seconds), LONGEST_PAUSE))


def _grpc_target(environment: Environment) -> str:
    options = environment.parsed_options
    named: str = options.grpc_host if options is not None else ""
    return named or f"{urlsplit(environment.host or '').hostname}:{GRPC_PORT}"
