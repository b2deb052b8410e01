"""5,000 hostile inputs over gRPC: each is answered or refused, and the next good call is right.

`FUZZ_SEED` chooses other inputs, `FUZZ_INPUTS` how many, and `FUZZ_INPUT` a single one.
"""

import os

import grpc

from service.api.trident.inference_pb2 import (
    ClassifyRequest,
    ModelChoice,
    PredictRequest,
    SentimentRequest,
    Tensor,
)
from tests.service.fuzzing.grpc_attacker import GrpcAttacker
from tests.service.live.attack.growth import check_growth, size_of
from tests.service.live.grpc_client import inference_stub
from tests.service.live_server import LiveServer

SEED = int(os.environ.get("FUZZ_SEED", "1"))
COUNT = int(os.environ.get("FUZZ_INPUTS", "5000"))
ONE = os.environ.get("FUZZ_INPUT")

WARM_UP = COUNT // 2  # inputs, until each worker has begun what begins when it is first needed
CHECK_EVERY = 100


class GoodCalls:
    """Calls whose right answers are known."""

    def __init__(self, live: LiveServer, seven: bytes) -> None:
        self._channel = grpc.aio.insecure_channel(live.grpc_target)
        self._stub = inference_stub(self._channel)
        self._seven = seven

    async def check(self) -> None:
        """Ask each kind of model. Raises AssertionError if an answer isn't exactly right."""
        images = ClassifyRequest(images=[self._seven], model=ModelChoice(name="digits"))
        digit = await self._stub.Classify(images)
        assert digit.results[0].classification.label == "7"
        film = await self._stub.Sentiment(SentimentRequest(texts=["A wonderful film."]))
        assert film.results[0].sentiment.label == "positive"
        x = Tensor(dtype="float32", shape=[3], content=b"\x00\x00\x80\x3f" * 3)
        weight = Tensor(dtype="int32", content=b"\x02\x00\x00\x00")
        inputs = {"x": x, "weight": weight}
        pair = await self._stub.Predict(
            PredictRequest(inputs=inputs, model=ModelChoice(name="pair"))
        )
        assert pair.results[0].tensors.outputs["sum"].content == b"\x00\x00\xc0\x40"

    async def close(self) -> None:
        await self._channel.close(None)


async def test_hostile_input_over_grpc_is_answered_and_harms_nobody(
    attacked: LiveServer, seven: bytes
) -> None:
    workers = attacked.workers()
    printed = len(attacked.log)
    good = GoodCalls(attacked, seven)
    attacker = GrpcAttacker(attacked.grpc_port, SEED, check=good.check, check_every=CHECK_EVERY)
    if ONE is None:
        await attacker.send(range(WARM_UP))
    before = [size_of(worker) for worker in workers]
    await attacker.send(range(WARM_UP, COUNT) if ONE is None else [int(ONE)])
    await good.check()
    await good.close()
    assert not attacker.faults, _told(attacker)
    assert attacked.workers() == workers, "a worker died"
    if ONE is None:
        assert attacker.outcomes.keys() >= REACHED, attacker.outcomes
        assert attacker.outcomes["OK"] > COUNT // 50
    check_growth(workers, before)
    log = attacked.log[printed:]
    assert "Traceback" not in log
    assert not [line for line in log.splitlines() if "[ERROR]" in line]


REACHED = {
    *("OK", "INVALID_ARGUMENT", "NOT_FOUND", "UNIMPLEMENTED", "INTERNAL", "RESOURCE_EXHAUSTED"),
    *("RST PROTOCOL_ERROR", "GOAWAY PROTOCOL_ERROR"),
    *("GOAWAY COMPRESSION_ERROR", "GOAWAY FRAME_SIZE_ERROR", "GOAWAY ENHANCE_YOUR_CALM"),
}


def _told(attacker: GrpcAttacker) -> str:
    shown = "\n".join(attacker.faults[:20])
    return (
        f"seed {SEED}, {len(attacker.faults)} faults. To send one input again:\n"
        f"FUZZ_SEED={SEED} FUZZ_INPUT=NUMBER .venv/bin/pytest {__file__}\n{shown}"
    )
