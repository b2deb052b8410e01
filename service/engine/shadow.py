"""Shadow traffic: a version is asked what another has answered, only to compare the answers."""

import asyncio
import logging
import time
from collections.abc import Sequence
from typing import Any, Final

from service.admission import Account
from service.engine.decoding import Decoder
from service.engine.served_model import ServedModel
from service.errors import TridentError
from service.telemetry.metrics import record_comparisons

logger = logging.getLogger(__name__)

_PATIENCE: Final = 10.0  # seconds that a shadow's answer is waited for


class ShadowTraffic:
    """Asks shadows, one request at a time, while neither model has anything else to do."""

    def __init__(self, decoder: Decoder, account: Account) -> None:
        """Decode by `decoder`; rows are counted in `account`."""
        self._decoder = decoder
        self._account = account
        self._asking: asyncio.Task[None] | None = None

    def ask(
        self,
        shadow: ServedModel,
        answering: ServedModel,
        inputs: Sequence[Any],
        outcomes: Sequence[Any],
        row_bytes: int,
    ) -> None:
        """Ask a shadow for the same inputs, if it and the model that has answered are idle.

        Args:
            shadow: the version to ask.
            answering: the version that has answered.
            inputs: as `Engine.predict` takes them.
            outcomes: the answers, and errors, of the version that has answered.
            row_bytes: the most bytes that the inputs' rows hold.
        """
        is_idle = shadow.batcher.idle and answering.batcher.idle
        if self._asking is not None or not is_idle or shadow.kind != answering.kind:
            return
        if not self._account.rows.try_take(row_bytes):
            return
        self._asking = asyncio.create_task(self._compare(shadow, answering, inputs, outcomes))
        self._asking.add_done_callback(lambda _: self._end(row_bytes))

    def close(self) -> None:
        """Give up a question that is being asked."""
        if self._asking is not None:
            self._asking.cancel()

    def _end(self, row_bytes: int) -> None:
        self._asking = None
        self._account.rows.give_back(row_bytes)

    async def _compare(
        self,
        shadow: ServedModel,
        answering: ServedModel,
        inputs: Sequence[Any],
        outcomes: Sequence[Any],
    ) -> None:
        pairs = [
            (data, outcome)
            for data, outcome in zip(inputs, outcomes, strict=True)
            if not isinstance(outcome, TridentError)
        ]
        try:
            found = await self._answers(shadow, [data for data, _ in pairs])
            agrees = [
                not isinstance(answer, TridentError) and answering.task.agrees(outcome, answer)
                for (_, outcome), answer in zip(pairs, found, strict=True)
            ]
        except TridentError:  # the queue is full by now, or the deadline has passed
            return
        except Exception:
            logger.exception("the shadow %s/%d failed", shadow.name, shadow.version)
            return
        record_comparisons(
            shadow.name,
            shadow=shadow.version,
            answering=answering.version,
            agreed=sum(agrees),
            compared=len(agrees),
        )

    async def _answers(self, shadow: ServedModel, inputs: Sequence[Any]) -> list[Any]:
        """Return the shadow's answer, or its error, for each input."""
        deadline = time.monotonic() + _PATIENCE
        with shadow.used():
            rows = await self._decoder.decode_all(
                shadow.task, inputs, metrics=shadow.metrics, deadline=deadline
            )
            sound = [row for row in rows if not isinstance(row, TridentError)]
            answers = iter((await shadow.batcher.submit(sound, deadline=deadline)).outcomes)
        return [row if isinstance(row, TridentError) else next(answers) for row in rows]
