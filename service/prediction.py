"""The outcome of a request: an answer or an error for each input, as plain data."""

from dataclasses import dataclass
from typing import Any

from service.errors import TridentError


# What is made for each request isn't a frozen dataclass: to make one takes three times as long.
@dataclass(slots=True)
class Timing:
    """Seconds of a request: to decode its inputs, to wait for the model, and to run it.

    They follow one another, from `started`, a point of `time.monotonic()`.
    """

    started: float
    decode: float
    queue: float
    inference: float


@dataclass(slots=True)
class Prediction:
    """An answer or an error for each input, in their order, and the model that gave them."""

    outcomes: list[Any]
    model: str
    version: int
    timing: Timing

    @property
    def errors(self) -> list[TridentError]:
        """The errors among the outcomes."""
        return [outcome for outcome in self.outcomes if isinstance(outcome, TridentError)]
