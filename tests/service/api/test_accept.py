"""What a caller would rather have, by the header Accept."""

import pytest

from service.api.reading.accept import prefers


@pytest.mark.parametrize(
    ("accept", "is_png"),
    [
        ("", False),
        ("*/*", False),
        ("application/json", False),
        ("text/html", False),
        ("image/png", True),
        ("IMAGE/PNG", True),
        ("image/*", True),
        ("image/webp", False),
        ("image/png, application/json", False),
        ("image/png, application/json;q=0.9", True),
        ("image/png;q=0.9, application/json", False),
        ("image/png;q=0", False),
        ("image/*;q=0.5, application/*;q=0.4, */*;q=0.1", True),
        ("*/*;q=0.9, image/png;q=0.1", False),
        ("text/html, image/avif, image/png, */*;q=0.8", True),
        ("image/png;level=1;q=0.2, application/json;q=0.1", True),
        ("image/png;q=high", True),
        ("image/png;q=nan", True),
        (",;q=,image/png;;", True),
    ],
)
def test_a_png_is_preferred_if_it_has_more_weight(accept: str, is_png: bool) -> None:
    assert prefers(accept, "image/png", "application/json") is is_png
