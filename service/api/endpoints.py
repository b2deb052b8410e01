"""The table of endpoints: what is answered by the default model of a kind of tasks.

Everything else about an endpoint follows from here: its HTTP route, its gRPC method (if
`inference.proto` has one), what BentoML declares, its part of the API page, its metrics' label.
Any model is also answered for by its name: see `service.api.trident.http`.
"""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Endpoint:
    """An endpoint over the models of one kind."""

    name: str
    """The last part of the path, the gRPC method in lower case, and the metrics' label."""
    kind: str
    """The kind of its models' task: a key of `KINDS`."""
    summary: str
    """What it does, in a short sentence."""

    @property
    def path(self) -> str:
        """The HTTP path."""
        return f"/{self.name}"


ENDPOINTS: Final = (
    Endpoint("classify", "image_classification", "Tell what an image shows."),
    Endpoint(
        "sentiment",
        "text_classification",
        "Tell whether a text speaks well or badly of its subject.",
    ),
    Endpoint("embed", "image_embedding", "Turn an image into a vector of numbers."),
)

BY_NAME: Final = "predict"
"""What metrics, logs and traces call a request that names its model in the path, and the gRPC
method of such requests."""
