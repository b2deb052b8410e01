"""What the HTTP connections of a server have in common."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeAlias

from service.transport.http1.application import Application
from service.transport.http1.head import Head
from service.transport.http1.refusals import MakeProblem
from service.transport.http1.request import HttpResponse
from service.transport.http1.ticker import Ticker
from service.transport.open_connections import OpenConnections
from service.transport.pace import TimeLimits
from service.transport.refusal_pacer import RefusalPacer

Gate: TypeAlias = Callable[[Head, str], HttpResponse | None]
"""Lets a request in by its head, into which it writes the caller; else returns the answer.

It also gets the IP address of the client.
"""


@dataclass(frozen=True, slots=True)
class ServerContext:
    """The arguments of a server's connections."""

    limits: TimeLimits
    problem: MakeProblem
    """Makes the answer of an error."""
    application: Application | None = None
    """Answers POST requests to some paths. Without it, all go to the ASGI application."""
    gate: Gate = lambda _head, _address: None
    """Is asked about each request. By default it lets everybody in."""
    connections: OpenConnections = field(default_factory=OpenConnections)
    ticker: Ticker = field(default_factory=Ticker)
    refusals: RefusalPacer = field(default_factory=RefusalPacer)
    """Sends the refusals of requests that are too many."""
