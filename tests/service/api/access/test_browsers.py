"""Headers for browsers, and pages of other origins."""

import pytest

from service.api.access.browsers import Browsers
from service.transport.http1.head import Head

SHOP = "https://shop.example"
LISTED = f"{SHOP},http://localhost:8080"


def meet(origins: str | None, method: str = "POST", **headers: str) -> tuple[Head, bool]:
    """Return a head with what was written into it, and whether it is a preflight."""
    sent = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    head = Head(method.encode(), b"/classify", "1.1", sent, True, False)
    return head, Browsers(origins, has_tls=False).meet(head) is not None


def answered(head: Head) -> dict[bytes, bytes]:
    return dict(head.answer_headers)


def test_by_default_no_other_origin_may_read_an_answer() -> None:
    head, is_preflight = meet(None, "OPTIONS", origin=SHOP, access_control_request_method="POST")
    assert not is_preflight
    assert answered(head) == {b"x-content-type-options": b"nosniff"}


def test_an_origin_of_the_list_may() -> None:
    head, _ = meet(LISTED, origin=SHOP)
    assert answered(head)[b"access-control-allow-origin"] == SHOP.encode()
    assert answered(head)[b"vary"] == b"Origin"


@pytest.mark.parametrize(
    "origin",
    ["https://evil.example", "https://shop.example.evil", "http://shop.example", "null", ""],
)
def test_another_origin_may_not(origin: str) -> None:
    head, _ = meet(LISTED, origin=origin)
    assert b"access-control-allow-origin" not in answered(head)
    assert answered(head)[b"vary"] == b"Origin"


def test_with_a_star_all_may() -> None:
    head, _ = meet("*", origin="https://any.example")
    assert answered(head)[b"access-control-allow-origin"] == b"*"


def test_a_preflight_is_answered_from_its_head() -> None:
    head, is_preflight = meet(LISTED, "OPTIONS", origin=SHOP, access_control_request_method="POST")
    assert is_preflight
    assert answered(head)[b"access-control-allow-origin"] == SHOP.encode()
    assert not meet(LISTED, "OPTIONS", origin=SHOP)[1]
    assert not meet(LISTED, "POST", origin=SHOP, access_control_request_method="POST")[1]


def test_tls_is_asked_for_only_over_tls() -> None:
    for has_tls in (False, True):
        head, _ = meet(None)
        Browsers(None, has_tls=has_tls).meet(head)
        assert (b"strict-transport-security" in answered(head)) is has_tls
