"""What the HTTP connections of a server have in common."""

from dataclasses import dataclass, field

from service.transport.http1.application import Application
from service.transport.http1.refusals import MakeProblem
from service.transport.http1.ticker import Ticker
from service.transport.pace import TimeLimits


@dataclass(frozen=True, slots=True)
class ServerContext:
    """The arguments of a server's connections."""

    limits: TimeLimits
    problem: MakeProblem
    """Makes the answer of an error."""
    application: Application | None = None
    """Answers POST requests to some paths. Without it, all go to the ASGI application."""
    ticker: Ticker = field(default_factory=Ticker)
