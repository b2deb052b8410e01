"""Sends inputs over gRPC, on many connections at once, and reports wrong answers."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator
from contextlib import asynccontextmanager
from typing import Final

from google.protobuf.message import DecodeError
from grpc_reflection.v1alpha import reflection_pb2
from hpack import HPACKError

from service.transport.grpc.status import StatusCode
from service.transport.http2 import frames
from service.transport.http2.frames import ErrorCode, frame
from tests.service.fuzzing.bodies import PLANTED
from tests.service.fuzzing.grpc_inputs import CallInput, WireInput, grpc_input_of
from tests.service.transport.grpc.wire import HELLO, Frame, Wire

PATIENCE: Final = 30.0
"""Seconds in which each input must be answered, or its connection closed."""

FORBIDDEN: Final = {StatusCode.UNKNOWN, StatusCode.INTERNAL, StatusCode.DATA_LOSS}
"""What no input may be answered with, but for `SAID_BY_DESIGN`."""

SAID_BY_DESIGN: Final = (
    "The last message isn't complete.",
    "A message is compressed, but grpc-encoding names no encoding.",
    "A message can't be decompressed as",
)
"""gRPC wants INTERNAL for these faults of framing (its doc/statuscodes.md and compression.md)."""

_CONNECTIONS: Final = 8
_TOGETHER: Final = 16  # calls on a connection at a time
_LISTEN: Final = 0.2  # seconds for an answer to what may be cut off in the middle of a frame
_MARK: Final = b"the end."


class GrpcAttacker:
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
        self.outcomes: Counter[str] = Counter()
        """How many calls and connections ended in each way."""
        self.faults: list[str] = []
        """What was wrong, with the number of the input."""

    async def send(self, numbers: Iterable[int]) -> None:
        """Send the inputs of these numbers, in about this order."""
        remaining = iter(numbers)
        async with asyncio.TaskGroup() as tasks:
            for _ in range(_CONNECTIONS):
                tasks.create_task(self._send_some(remaining))

    async def _send_some(self, remaining: Iterator[int]) -> None:
        together: dict[int, CallInput] = {}
        for number in remaining:
            made = grpc_input_of(self._seed, number)
            self.sent[made.kind] += 1
            if isinstance(made, WireInput):
                await self._guarded([number], self._send_alone(number, made))
            else:
                together[number] = made
            if len(together) == _TOGETHER:
                await self._guarded(list(together), self._send_calls(together))
                together = {}
            if self.sent.total() % self._check_every == 0:
                await self._guarded([number], self._check())
        if together:
            await self._guarded(list(together), self._send_calls(together))

    async def _guarded(self, numbers: list[int], work: Awaitable[None]) -> None:
        try:
            async with asyncio.timeout(PATIENCE):
                await work
        except (TimeoutError, OSError, AssertionError, HPACKError, ValueError) as error:
            self.faults.append(f"one of inputs {numbers}: {error!r}")

    async def _send_calls(self, calls: dict[int, CallInput]) -> None:
        """Send calls on one connection. Each must be answered or reset, and none may end it."""
        streams = {1 + 2 * place: number for place, number in enumerate(calls)}
        async with self._connection() as wire:
            for stream, number in streams.items():
                wire.send(*_frames_of(wire, stream, calls[number]))
            while streams:
                found = await wire.read()
                assert found is not None, "the connection ended"
                assert found.kind != frames.GOAWAY, found.payload
                self._judge(wire, found, str(streams.get(found.stream)))
                if found.kind == frames.RST_STREAM or _ends(found):
                    streams.pop(found.stream, None)

    async def _send_alone(self, number: int, made: WireInput) -> None:
        """Send an input, and a ping. Close our side, and read until the server closes its own."""
        async with self._connection() as wire:
            wire.send(made.data, frame(frames.PING, 0, 0, _MARK))
            try:
                async with asyncio.timeout(_LISTEN):
                    while (found := await wire.read()) is not None:
                        self._judge(wire, found, str(number))
                        if found.payload == _MARK or found.kind == frames.GOAWAY:
                            break
            except TimeoutError:  # the ping lies in the middle of something
                self.outcomes["waits"] += 1
            wire.writer.write_eof()
            while await wire.read_some():
                pass

    def _judge(self, wire: Wire, found: Frame, number: str) -> None:
        """Note how a call or the connection ends, and what is wrong with it."""
        if found.kind in (frames.RST_STREAM, frames.GOAWAY):
            code, is_reset = ErrorCode(found.code), found.kind == frames.RST_STREAM
            self.outcomes[f"{'RST' if is_reset else 'GOAWAY'} {code.name}"] += 1
            if code is ErrorCode.INTERNAL_ERROR:
                self.faults.append(f"input {number}: the server reports an error of its own")
        if PLANTED.encode() in found.payload and not _is_reflection(found):
            self.faults.append(f"input {number}: what was sent comes back: {found.payload!r}")
        if found.kind == frames.HEADERS:
            head = {str(name): str(value) for name, value in wire.decoder.decode(found.payload)}
            fault = self._fault_of(head)
            if fault is not None:
                self.faults.append(f"input {number}: {fault}")

    def _fault_of(self, head: dict[str, str]) -> str | None:
        if "grpc-status" not in head:
            return None if head.get(":status") in ("200", "405", "415") else f"an answer of {head}"
        status, sentence = StatusCode(int(head["grpc-status"])), head.get("grpc-message", "")
        self.outcomes[status.name] += 1
        by_design = status is StatusCode.INTERNAL and sentence.startswith(SAID_BY_DESIGN)
        if status in FORBIDDEN and not by_design:
            return f"{status.name}: {sentence}"
        if "Traceback" in sentence or "File " in sentence:
            return f"a traceback: {sentence}"
        return None

    @asynccontextmanager
    async def _connection(self) -> AsyncIterator[Wire]:
        reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
        try:
            wire = Wire(reader, writer)
            wire.send(HELLO)
            yield wire
        finally:
            writer.close()


def _is_reflection(found: Frame) -> bool:
    """Tell whether it is an answer of the reflection service, which repeats the request."""
    if found.kind != frames.DATA:
        return False
    try:
        answer = reflection_pb2.ServerReflectionResponse.FromString(found.payload[5:])
    except DecodeError:
        return False
    return bool(answer.HasField("original_request"))


def _ends(found: Frame) -> bool:
    is_message = found.kind in (frames.DATA, frames.HEADERS)
    return is_message and found.flags & frames.END_STREAM != 0


def _frames_of(wire: Wire, stream: int, call: CallInput) -> Iterator[bytes]:
    """Return a call in frames of allowed sizes."""
    block = wire.encoder.encode(call.fields)
    most = frames.MAX_FRAME_SIZE
    flags = frames.END_HEADERS if len(block) <= most else 0
    yield frame(frames.HEADERS, flags, stream, block[:most])
    for start in range(most, len(block), most):
        flags = frames.END_HEADERS if start + most >= len(block) else 0
        yield frame(frames.CONTINUATION, flags, stream, block[start : start + most])
    size = min(most, -(-len(call.body) // call.parts) or 1)
    for start in range(0, len(call.body), size):
        is_last = call.parts == 1 and start + size >= len(call.body)
        part = call.body[start : start + size]
        yield frame(frames.DATA, frames.END_STREAM if is_last else 0, stream, part)
    if call.parts > 1 or not call.body:
        yield frame(frames.DATA, frames.END_STREAM, stream)
