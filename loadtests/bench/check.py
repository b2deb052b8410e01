"""Whether a server answers correctly. One that doesn't is not reported, however fast it is.

Many inputs are sent at once, as in the load, so that answers to the wrong caller are noticed.
"""

import asyncio
import operator
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import grpc
import httpx
import numpy as np
from numpy.typing import NDArray

from loadtests.bench.errors import WrongAnswersError
from loadtests.bench.inputs import Input, Inputs
from loadtests.bench.requests import HOST
from loadtests.bench.servers import Server
from service.api.trident import inference_pb2 as messages
from service.api.trident.inference_pb2_grpc import InferenceStub

LEAST = {"classify": 0.97, "sentiment": 0.80, "embed": 0.70}
"""The lowest share of right answers. For /embed, an answer is right if the nearest of the other
images' embeddings belongs to the same digit."""

IMAGES = 500
CONCURRENCY = 32
BATCH = 32
"""Images in one of the gRPC calls that are checked."""

_POSITIVE = ("negative", "positive")


def check_http(server: Server, endpoint: str, inputs: Inputs) -> float:
    """Return the share of right answers. Raises WrongAnswersError if it is too low."""
    answers = asyncio.run(_ask_all(server, endpoint, _asked(endpoint, inputs)))
    return _judge(server.name, endpoint, _share_right(endpoint, answers, inputs))


def check_grpc(target: str, inputs: Inputs) -> float:
    """Return the share of right answers of gRPC's Classify, with one and many images per call.

    Raises:
        WrongAnswersError: it is too low, or a call failed.
    """
    images, digits = inputs.images[:IMAGES], inputs.digits[:IMAGES]
    calls = [[image] for image in images[:BATCH]]
    calls += [images[at : at + BATCH] for at in range(BATCH, len(images), BATCH)]
    with grpc.insecure_channel(target) as channel:
        stub = InferenceStub(channel)  # type: ignore[no-untyped-call]
        try:
            waiting = [
                stub.Classify.future(messages.ClassifyRequest(images=call), timeout=60)
                for call in calls
            ]
            found = [result for call in waiting for result in call.result().results]
        except grpc.RpcError as error:
            raise WrongAnswersError(f"gRPC's Classify failed: {error}") from error
    labels = [result.classification.label for result in found]
    return _judge("trident's gRPC", "classify", share_equal(labels, [str(d) for d in digits]))


def share_equal(found: Sequence[Any], expected: Sequence[Any]) -> float:
    """Return the share of answers that are the expected ones."""
    right: int = sum(map(operator.eq, found, expected))
    return right / len(expected)


def share_of_like_neighbours(vectors: NDArray[np.float64], labels: Sequence[int]) -> float:
    """Return how many of `vectors` [n, any] have the same label as their nearest other vector."""
    squares = (vectors**2).sum(axis=1)
    distances = squares[:, None] + squares[None, :] - 2 * vectors @ vectors.T
    np.fill_diagonal(distances, np.inf)
    known = np.asarray(labels)
    return float((known[distances.argmin(axis=1)] == known).mean())


def _asked(endpoint: str, inputs: Inputs) -> list[Input]:
    return list(inputs.reviews if endpoint == "sentiment" else inputs.images[:IMAGES])


async def _ask_all(
    server: Server, endpoint: str, asked: Sequence[Input]
) -> list[Mapping[str, Any]]:
    limit = asyncio.Semaphore(CONCURRENCY)
    async with httpx.AsyncClient(base_url=f"http://{HOST}:{server.port}", timeout=60) as client:

        async def ask(data: Input) -> Mapping[str, Any]:
            request = server.request(endpoint, data)
            headers = {"content-type": request.content_type}
            async with limit:
                response = await client.post(request.path, content=request.body, headers=headers)
            if response.status_code != 200:
                raise WrongAnswersError(
                    f"{server.name} answered /{endpoint} with {response.status_code}: "
                    f"{response.text[:300]}"
                )
            return server.answer(response.content)

        return list(await asyncio.gather(*(ask(data) for data in asked)))


def _share_right(endpoint: str, answers: Sequence[Mapping[str, Any]], inputs: Inputs) -> float:
    judges: dict[str, Callable[[], float]] = {
        "classify": lambda: share_equal(
            [answer["label"] for answer in answers], [str(d) for d in inputs.digits[:IMAGES]]
        ),
        "sentiment": lambda: share_equal(
            [answer["label"] for answer in answers], [_POSITIVE[p] for p in inputs.positive]
        ),
        "embed": lambda: share_of_like_neighbours(
            np.array([answer["embedding"] for answer in answers], dtype=np.float64),
            inputs.digits[:IMAGES],
        ),
    }
    return judges[endpoint]()


def _judge(who: str, endpoint: str, share: float) -> float:
    if share < LEAST[endpoint]:
        raise WrongAnswersError(
            f"{who} answers /{endpoint} wrongly: {share:.1%} are right, at least "
            f"{LEAST[endpoint]:.0%} are expected. Its speed means nothing, so it isn't reported."
        )
    return share
