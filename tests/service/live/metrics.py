"""Reading a server's /metrics."""

import httpx
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.samples import Sample


def samples(http: httpx.Client) -> list[Sample]:
    """Return every sample that the server shows."""
    text = http.get("/metrics").raise_for_status().text
    return [s for family in text_string_to_metric_families(text) for s in family.samples]


def value(http: httpx.Client, name: str, **labels: str) -> float:
    """Return the sum of a metric's samples that have all of these labels; 0 if none has."""
    return sum(
        sample.value
        for sample in samples(http)
        if sample.name == name and labels.items() <= sample.labels.items()
    )
