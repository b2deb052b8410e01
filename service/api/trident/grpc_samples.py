"""Which images to make, as messages of `trident.v1` say it."""

from typing import Any

from service.api.reading.samples import MOST_SAMPLES, SampleFields, make_samples
from service.tasks.image_generation import Sample


def read_samples(message: Any) -> list[Sample]:
    """Return the samples of a GenerateRequest or of Samples, whose fields are the same.

    Raises:
        MalformedRequestError, TooLargeError: the count is out of its range.
    """
    fields = SampleFields(
        message.label or None,
        message.count if message.HasField("count") else None,
        message.seed if message.HasField("seed") else None,
    )
    return make_samples(fields, MOST_SAMPLES)
