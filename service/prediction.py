"""What comes of a request's inputs, as plain data."""

from dataclasses import dataclass
from typing import Any

from service.errors import TridentError


# Nothing that is made for each request is frozen: a frozen object costs three times as much.
@dataclass(slots=True)
class Timing:
    """Seconds that a request spent being decoded, waiting for the model, and in it.

    They follow on each other from `started`, a point of `time.monotonic()`.
    """

    started: float
    decode: float
    queue: float
    inference: float


@dataclass(slots=True)
class Prediction:
    """An answer or an error for each input, in their order, and who gave them."""

    outcomes: list[Any]
    model: str
    version: int
    timing: Timing

    @property
    def errors(self) -> list[TridentError]:
        """The errors among the outcomes."""
        return [outcome for outcome in self.outcomes if isinstance(outcome, TridentError)]
