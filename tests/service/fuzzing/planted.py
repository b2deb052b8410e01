"""Markers that are planted in requests, and the search for them in what a server leaves behind."""

import base64
import secrets
from collections.abc import Iterator


class Planted:
    """Makes markers, each with the name of its place."""

    def __init__(self) -> None:
        self._places: dict[str, str] = {}

    def __call__(self, place: str) -> str:
        """Return a new marker: letters and digits that are nowhere else."""
        marker = f"Zq{secrets.token_hex(8)}"
        self._places[marker] = place
        return marker

    def __len__(self) -> int:
        return len(self._places)

    def found_in(self, content: bytes) -> set[str]:
        """Return the places whose markers are in the content, however they are encoded there."""
        lower = content.lower()
        return {
            place
            for marker, place in self._places.items()
            if any(form.lower() in lower for form in _forms(marker))
        }


def _forms(marker: str) -> Iterator[bytes]:
    """Yield a marker plain, in UTF-16, hexadecimal, and base64 at each of its three places."""
    plain = marker.encode()
    yield plain
    for encoding in ("utf-16-le", "utf-16-be", "utf-32-le"):
        yield marker.encode(encoding)
    yield plain.hex().encode()
    for skipped in range(3):
        whole = (len(plain) - skipped) // 3 * 3
        yield base64.b64encode(plain[skipped : skipped + whole])
