"""The table of endpoints. Each is answered by the default model of its kind of task.

Everything else about an endpoint is made from this table: its HTTP route, its gRPC method (if
`inference.proto` has one), what BentoML declares, its part of the API page, its label in the
metrics. Any model also answers by its name: see `service.api.trident.http`.
"""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Endpoint:
    """An endpoint that the models of one kind can answer."""

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
    Endpoint("generate", "image_generation", "Make images of a label."),
)

BY_NAME: Final = "predict"
"""The name, in metrics, logs and traces, of requests that name their model in the path, and of the
gRPC method that does the same."""

MOST_VERSION: Final = 999_999_999
"""The highest number of a version that a request may name."""
