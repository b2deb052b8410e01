"""15,000 hostile inputs over HTTP: each is answered, and the next good request is right.

`FUZZ_SEED` chooses other inputs, `FUZZ_INPUTS` how many, and `FUZZ_INPUT` a single one.
"""

import os

import httpx

from tests.service.fuzzing.attacker import Attacker
from tests.service.live.attack.growth import check_growth, size_of
from tests.service.live_server import LiveServer

SEED = int(os.environ.get("FUZZ_SEED", "1"))
COUNT = int(os.environ.get("FUZZ_INPUTS", "15000"))
ONE = os.environ.get("FUZZ_INPUT")

WARM_UP = COUNT // 2  # inputs, until each worker has begun what begins when it is first needed
CHECK_EVERY = 100


class GoodRequests:
    """Requests whose right answers are known."""

    def __init__(self, live: LiveServer, seven: bytes) -> None:
        self._client = httpx.AsyncClient(base_url=live.url, timeout=30)
        self._seven = seven

    async def check(self) -> None:
        """Ask each kind of model. Raises AssertionError if an answer isn't exactly right."""
        png = {"content-type": "image/png"}
        digit = await self._client.post("/classify?model=digits", content=self._seven, headers=png)
        assert (digit.status_code, digit.json()["label"]) == (200, "7"), digit.text
        film = await self._client.post("/sentiment", json={"text": "A wonderful film."})
        assert (film.status_code, film.json()["label"]) == (200, "positive"), film.text
        arrays = {"inputs": {"x": [1, 2, 3], "weight": 2}}
        pair = await self._client.post("/models/pair", json=arrays)
        assert (pair.status_code, pair.json()["outputs"]["sum"]) == (200, 12), pair.text

    async def close(self) -> None:
        await self._client.aclose()


async def test_hostile_input_over_http_is_answered_and_harms_nobody(
    attacked: LiveServer, seven: bytes
) -> None:
    workers = attacked.workers()
    good = GoodRequests(attacked, seven)
    attacker = Attacker(attacked.http_port, SEED, check=good.check, check_every=CHECK_EVERY)
    if ONE is None:
        await attacker.send(range(WARM_UP))
    before = [size_of(worker) for worker in workers]
    await attacker.send(range(WARM_UP, COUNT) if ONE is None else [int(ONE)])
    await good.check()
    await good.close()
    assert not attacker.faults, _told(attacker)
    assert attacked.workers() == workers, "a worker died"
    if ONE is None:
        assert set(attacker.statuses) >= {200, 400, 401, 404, 405, 413, 415, 422, 431, 501, 505}
        assert attacker.statuses[200] > COUNT // 50
    check_growth(workers, before)
    _check_log(attacked.log)


def _told(attacker: Attacker) -> str:
    shown = "\n".join(attacker.faults[:20])
    return (
        f"seed {SEED}, {len(attacker.faults)} faults. To send one input again:\n"
        f"FUZZ_SEED={SEED} FUZZ_INPUT=NUMBER .venv/bin/pytest {__file__}\n{shown}"
    )


def _check_log(log: str) -> None:
    assert "Traceback" not in log
    assert not [line for line in log.splitlines() if "[ERROR]" in line]
