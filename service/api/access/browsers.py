"""What browsers need: headers that protect, and pages of other origins that may call (CORS).

By default no page of another origin may read an answer. With a list, the pages of its origins may
(https://fetch.spec.whatwg.org/#http-cors-protocol). Whoever calls still needs a key.
"""

from typing import Final

from service.transport.http1.head import Head, Headers
from service.transport.http1.request import HttpResponse

_NO_SNIFFING: Final = (b"x-content-type-options", b"nosniff")
_ONLY_TLS: Final = (b"strict-transport-security", b"max-age=31536000")
_VARIES: Final = (b"vary", b"Origin")
_EXPOSED: Final = (
    b"access-control-expose-headers",
    b"X-Request-ID, Server-Timing, Retry-After, WWW-Authenticate, X-Seed, X-Model, X-Model-Version",
)
_ALLOWED: Final = {
    "access-control-allow-methods": "GET, HEAD, POST, PUT, DELETE",
    "access-control-allow-headers": "Authorization, Content-Type, Content-Encoding, X-Request-ID, "
    "X-Canary-Key, Traceparent, Tracestate",
    "access-control-max-age": "600",
}

ANY: Final = "*"
"""Instead of a list: all origins."""


class Browsers:
    """Writes the headers that browsers need."""

    def __init__(self, origins: str | None, *, has_tls: bool) -> None:
        """Let pages of these origins call: a list with commas, `ANY`, or None."""
        self._own = (_NO_SNIFFING, _ONLY_TLS) if has_tls else (_NO_SNIFFING,)
        self._origins = None if origins is None else {o.encode() for o in origins.split(",")}

    def meet(self, head: Head) -> HttpResponse | None:
        """Write the answer's headers into a head; return the answer if it is a preflight."""
        head.answer_headers = self._own
        if self._origins is None:
            return None
        sent = dict(head.headers)
        head.answer_headers = (*self._own, *self._for(sent.get(b"origin")))
        if head.method == b"OPTIONS" and b"access-control-request-method" in sent:
            return HttpResponse(200, b"", dict(_ALLOWED))
        return None

    def _for(self, origin: bytes | None) -> Headers:
        """Return the headers for a page of an origin."""
        if self._origins is not None and ANY.encode() in self._origins:
            return ((b"access-control-allow-origin", b"*"), _EXPOSED)
        if self._origins is None or origin is None or origin not in self._origins:
            return (_VARIES,)
        return (_VARIES, (b"access-control-allow-origin", origin), _EXPOSED)
