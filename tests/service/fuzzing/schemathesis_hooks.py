"""What schemathesis can't know of the service: who may administrate it, and how lists are answered.

Its command imports this file: SCHEMATHESIS_HOOKS names it. `ADMIN_KEY` is the administration's key.
"""

import os
from typing import Any

import schemathesis
from schemathesis.checks import CHECKS

_refused: Any = CHECKS.get_one("negative_data_rejection")
_not_allowed: Any = CHECKS.get_one("unsupported_method")


@schemathesis.auth()
class Key:
    """Sends the key where the document asks for one."""

    def get(self, case: Any, context: Any) -> str:
        return os.environ["ADMIN_KEY"]

    def set(self, case: Any, data: str, context: Any) -> None:
        case.headers["Authorization"] = f"Bearer {data}"


@schemathesis.check
def wrong_data_is_refused(ctx: Any, response: Any, case: Any) -> Any:
    """Expect a refusal, or a list: there each wrong input has its own problem. 413 is one too."""
    is_list = response.status_code == 200 and response.text.startswith("[")
    if is_list or response.status_code == 413:
        return None
    return _refused(ctx, response, case)


@schemathesis.check
def other_methods_are_refused(ctx: Any, response: Any, case: Any) -> Any:
    """Expect 405, except from who may not know: unknown methods need the administration's key."""
    if response.status_code in (401, 403):
        return None
    return _not_allowed(ctx, response, case)
