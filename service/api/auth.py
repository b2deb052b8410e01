"""Who may administrate the service: those who send its key."""

import hmac

from pydantic import SecretStr

from service.errors import ForbiddenError, UnauthorizedError


class AdminKey:
    """The key of the administration."""

    def __init__(self, key: SecretStr | None) -> None:
        """Without a key nobody may. Spaces around it, and an end of line, don't count."""
        self._key = b"" if key is None else key.get_secret_value().strip().encode()

    def check(self, authorization: str | None) -> None:
        """Check the content of a request's `Authorization` header (RFC 6750, section 2.1).

        Raises:
            ForbiddenError: there is no key.
            UnauthorizedError: the header is missing, or has another key.
        """
        if not self._key:
            raise ForbiddenError(
                "The administration is turned off: set TRIDENT_ADMIN_KEY to a secret key, restart "
                "the service, and send the key as 'Authorization: Bearer KEY'."
            )
        scheme, _, sent = (authorization or "").partition(" ")
        is_right = hmac.compare_digest(sent.strip().encode("latin-1", "replace"), self._key)
        if scheme.lower() != "bearer" or not is_right:
            raise UnauthorizedError(
                "Send the service's TRIDENT_ADMIN_KEY as 'Authorization: Bearer KEY'."
            )
