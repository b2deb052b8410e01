"""The gate in front of both protocols: it decides by a request's head whether it is let in."""

from collections.abc import Mapping, Sequence
from typing import Final

from service.api.access.browsers import Browsers
from service.api.access.client_limits import ClientLimits
from service.api.access.keyring import Keyring
from service.api.access.keys import Right, check_right
from service.api.access.rights import right_to, right_to_call
from service.api.problems import problem_response
from service.api.unrouted import unknown_path
from service.errors import ForbiddenError, TridentError, UnauthorizedError
from service.telemetry.exchange import NO_CALLER, ExchangeListener, Observer
from service.transport.grpc.call import Admitted
from service.transport.grpc.status import STATUS as GRPC_STATUS
from service.transport.grpc.status import call_error
from service.transport.http1.head import Head
from service.transport.http1.request import HttpResponse, read_headers
from service.transport.http2.headers import RequestHead

REFUSED: Final = "refused"
"""The name, in metrics, logs and traces, of requests that aren't let in."""


class Gate:
    """Lets in whom the keys let in, as often as the limits for a client allow."""

    def __init__(
        self,
        keyring: Keyring,
        browsers: Browsers,
        limits: ClientLimits,
        listeners: Sequence[ExchangeListener] = (),
        *,
        operations_apart: bool = False,
    ) -> None:
        """Tell the listeners of the requests that are refused.

        `operations_apart` says that the operations have a port of their own.
        """
        self._keyring = keyring
        self._browsers = browsers
        self._operations_apart = operations_apart
        self._limits = limits
        self._http = Observer(REFUSED, REFUSED, "http", listeners)
        self._grpc = Observer(REFUSED, REFUSED, "grpc", listeners)

    def admit(self, head: Head, address: str) -> HttpResponse | None:
        """Write the caller into the head of an HTTP request, or return its refusal.

        `address` is the IP address of its connection.

        Raises httptools.HttpParserInvalidURLError if the URL can't be read.
        """
        right = right_to(head.method, head.url)
        is_elsewhere = self._operations_apart and right in ("metrics", "admin")
        return self._let_in(head, address, right, is_here=not is_elsewhere)

    def admit_to_operations(self, head: Head, address: str) -> HttpResponse | None:
        """Do the same for a request to the operations' own port."""
        right = right_to(head.method, head.url)
        return self._let_in(head, address, right, is_here=right != "predict")

    def _let_in(
        self, head: Head, address: str, right: Right | None, *, is_here: bool
    ) -> HttpResponse | None:
        preflight = self._browsers.meet(head)
        if preflight is not None:  # browsers send no key with it
            return preflight
        try:
            if not is_here:
                raise unknown_path()
            if right is not None:
                head.caller = self._check(right, _authorization(head))
            if right == "predict":
                head.leave = self._limits.let_in(head.caller, address)
        except TridentError as error:
            response, headers = problem_response(error), read_headers(head.headers)
            request_id = _report(self._http, headers, error, str(response.status))
            response.headers["x-request-id"] = request_id
            return response
        return None

    def admit_call(self, head: RequestHead, address: str) -> Admitted:
        """Return who the caller is. Raises CallError if it isn't let in."""
        right = right_to_call(head.path)
        if right is None:
            return Admitted(NO_CALLER)
        sent = head.headers.get("authorization")
        try:
            name = self._check(right, None if sent is None else sent.encode("latin-1", "replace"))
            return Admitted(name, self._limits.let_in(name, address))
        except TridentError as error:
            _report(self._grpc, head.headers, error, GRPC_STATUS[type(error)].name)
            raise call_error(error) from None

    def _check(self, right: Right, authorization: bytes | None) -> str:
        """Return the name of a caller who has a right. Raises UnauthorizedError, ForbiddenError."""
        if self._keyring.is_set:
            caller = self._keyring.keys.caller(authorization)
            check_right(caller, right)
            return caller.name
        if right == "admin":
            raise ForbiddenError(
                "The administration is turned off, because the service has no keys: make one by "
                "'python -m service.keys', and set TRIDENT_KEYS_FILE."
            )
        return NO_CALLER


def _authorization(head: Head) -> bytes | None:
    sent = [value for name, value in head.headers if name == b"authorization"]
    if len(sent) > 1:
        raise UnauthorizedError("The request has several Authorization headers: send one.")
    return sent[0] if sent else None


def _report(
    observer: Observer, headers: Mapping[str, str], error: TridentError, status: str
) -> str:
    """Report a refusal; return the request's id."""
    header = headers.get
    exchange = observer.begin(header("x-request-id"), header("traceparent"))
    observer.reject(exchange, error)
    observer.end(exchange, status)
    return exchange.request_id
