"""Sends inputs over many connections at once, and reports what is wrong with the answers."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable
from typing import Final

from tests.service.fuzzing.answers import Answer, UnreadableAnswerError, fault_of, read_answer
from tests.service.fuzzing.inputs import Input, input_of

PATIENCE: Final = 30.0
"""Seconds in which each input must be answered, or its connection closed."""

_CONNECTIONS: Final = 12
_PIPELINED: Final = 8  # requests on a connection at a time
_MOST_LINE: Final = 4 * 1024 * 1024  # bytes that are looked at for the end of an answer's head


class Attacker:
    """Sends the inputs of a seed to a port of this machine."""

    def __init__(
        self, port: int, seed: int, *, check: Callable[[], Awaitable[None]], check_every: int
    ) -> None:
        """`check` is awaited after every `check_every` inputs."""
        self._port = port
        self._seed = seed
        self._check = check
        self._check_every = check_every
        self.sent: Counter[str] = Counter()
        """How many inputs of each kind were sent."""
        self.statuses: Counter[int] = Counter()
        """How many answers of each status came."""
        self.faults: list[str] = []
        """What was wrong, with the number of the input."""

    async def send(self, numbers: Iterable[int]) -> None:
        """Send the inputs of these numbers, in about this order."""
        remaining = iter(numbers)
        async with asyncio.TaskGroup() as tasks:
            for _ in range(_CONNECTIONS):
                tasks.create_task(self._send_some(remaining))

    async def _send_some(self, remaining: Iterable[int]) -> None:
        """Send inputs as they come, clear ones together."""
        together: dict[int, Input] = {}
        for number in remaining:
            made = input_of(self._seed, number)
            self.sent[made.kind] += 1
            if made.is_clear:
                together[number] = made
            else:
                await self._guarded([number], self._send_alone(number, made))
            if len(together) == _PIPELINED:
                await self._send_all(together)
            if self.sent.total() % self._check_every == 0:
                await self._guarded([number], self._check())
        await self._send_all(together)

    async def _send_all(self, together: dict[int, Input]) -> None:
        """Send clear requests on one connection, and again those that it didn't answer."""
        while together:
            before = len(together)
            await self._guarded(list(together), self._pipeline(together))
            if len(together) == before:
                first = next(iter(together))
                self.faults.append(f"input {first}: no answer")
                del together[first]

    async def _guarded(self, numbers: list[int], work: Awaitable[None]) -> None:
        try:
            async with asyncio.timeout(PATIENCE):
                await work
        except (TimeoutError, OSError, UnreadableAnswerError, AssertionError, ValueError) as error:
            self.faults.append(f"one of inputs {numbers}: {error!r}")

    async def _pipeline(self, together: dict[int, Input]) -> None:
        """Send all, and remove each that is answered."""
        reader, writer = await self._connect()
        try:
            writer.write(b"".join(made.data for made in together.values()))
            for number, made in list(together.items()):
                answer = await read_answer(reader, has_body=made.has_body)
                if answer is None:
                    return
                self._judge(number, made, [answer])
                del together[number]
                if answer.is_last:
                    return
        finally:
            writer.close()

    async def _send_alone(self, number: int, made: Input) -> None:
        """Send an input, close our side, and read until the server closes its own."""
        reader, writer = await self._connect()
        try:
            writer.write(made.data)
            writer.write_eof()
            answers = []
            while answer := await read_answer(reader, has_body=made.has_body):
                answers.append(answer)
            self._judge(number, made, answers)
        finally:
            writer.close()

    def _judge(self, number: int, made: Input, answers: list[Answer]) -> None:
        self.statuses.update(answer.status for answer in answers)
        fault = fault_of(made, answers)
        if fault is not None:
            self.faults.append(f"input {number} ({made.kind}, {made.data[:80]!r}): {fault}")

    async def _connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        return await asyncio.open_connection("127.0.0.1", self._port, limit=_MOST_LINE)
