"""The errors: each has its status in both protocols, as the wire contract says."""

from collections.abc import Iterator

import orjson
import pytest

from service import errors
from service.api.problems import STATUS as HTTP_STATUS
from service.api.problems import problem_response
from service.errors import OverloadedError, TridentError
from service.transport.grpc.status import STATUS as GRPC_STATUS
from service.transport.grpc.status import StatusCode

CODES = StatusCode
CONTRACT: dict[type[TridentError], tuple[int, StatusCode]] = {
    errors.MalformedRequestError: (400, CODES.INVALID_ARGUMENT),
    errors.UnauthorizedError: (401, CODES.UNAUTHENTICATED),
    errors.ForbiddenError: (403, CODES.PERMISSION_DENIED),
    errors.UnknownModelError: (404, CODES.NOT_FOUND),
    errors.UnknownPathError: (404, CODES.UNIMPLEMENTED),
    errors.MethodNotAllowedError: (405, CODES.UNIMPLEMENTED),
    errors.SlowClientError: (408, CODES.DEADLINE_EXCEEDED),
    errors.ConflictError: (409, CODES.FAILED_PRECONDITION),
    errors.TooLargeError: (413, CODES.INVALID_ARGUMENT),
    errors.UrlTooLongError: (414, CODES.INVALID_ARGUMENT),
    errors.UnsupportedMediaTypeError: (415, CODES.INVALID_ARGUMENT),
    errors.UndecodableInputError: (422, CODES.INVALID_ARGUMENT),
    errors.OverloadedError: (429, CODES.RESOURCE_EXHAUSTED),
    errors.HeadersTooLargeError: (431, CODES.INVALID_ARGUMENT),
    errors.AbandonedError: (499, CODES.CANCELLED),
    errors.InferenceError: (500, CODES.INTERNAL),
    errors.InternalError: (500, CODES.INTERNAL),
    errors.UnimplementedError: (501, CODES.UNIMPLEMENTED),
    errors.UnsupportedVersionError: (505, CODES.UNIMPLEMENTED),
    errors.NotReadyError: (503, CODES.UNAVAILABLE),
    errors.DeadlineExceededError: (504, CODES.DEADLINE_EXCEEDED),
}


def _all_errors(base: type[TridentError] = TridentError) -> Iterator[type[TridentError]]:
    for error in base.__subclasses__():
        yield error
        yield from _all_errors(error)


@pytest.mark.parametrize("error", _all_errors())
def test_an_error_has_the_status_of_the_contract(error: type[TridentError]) -> None:
    assert (HTTP_STATUS[error], GRPC_STATUS[error]) == CONTRACT[error]


def test_an_error_has_a_title_of_its_own() -> None:
    titles = [error.title for error in _all_errors()]
    assert len(set(titles)) == len(titles)


@pytest.mark.parametrize(("seconds", "header"), [(0.0, "1"), (0.2, "1"), (1.2, "2"), (30.0, "30")])
def test_an_overload_says_how_many_whole_seconds_to_wait(seconds: float, header: str) -> None:
    response = problem_response(OverloadedError("Later.", reason="queue", retry_after=seconds))
    assert (response.status, response.headers["retry-after"]) == (429, header)
    assert orjson.loads(response.body)["detail"] == "Later."


def test_an_error_repeats_a_name_in_quotes_and_short() -> None:
    assert errors.quoted("digits") == "'digits'"
    assert errors.quoted("a\nb") == r"'a\nb'"
    assert len(errors.quoted("x" * 10_000)) < 70
