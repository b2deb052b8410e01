"""Which of two media types a caller would rather have (the header Accept, RFC 9110, 12.5.1)."""

from typing import Final

_ALL: Final = "*/*"


def prefers(accept: str, wanted: str, usual: str) -> bool:
    """Tell whether `accept` names the type `wanted` with more weight than `usual`.

    A caller who sends no such header, or who takes both alike, gets what is usual.
    """
    if not accept or accept == _ALL:
        return False
    weights = dict(map(_weight, accept.split(",")))
    return _weight_of(wanted, weights) > _weight_of(usual, weights)


def _weight(item: str) -> tuple[str, float]:
    """Return a range of media types and its weight, 0 to 1."""
    media_range, *parameters = (part.strip().lower() for part in item.split(";"))
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        if name == "q":
            return media_range, _number(value)
    return media_range, 1.0


def _number(weight: str) -> float:
    """Return a weight; what is none counts as 1."""
    try:
        number = float(weight)
    except ValueError:
        return 1.0
    return number if 0.0 <= number <= 1.0 else 1.0


def _weight_of(media_type: str, weights: dict[str, float]) -> float:
    """Return the weight of the most specific range that a type is in; 0 if it is in none."""
    ranges = (media_type, f"{media_type.partition('/')[0]}/*", _ALL)
    return next((weights[one] for one in ranges if one in weights), 0.0)
