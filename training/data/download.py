"""A file from the web."""

import http.client
import logging
import urllib.request
from pathlib import Path

from training.errors import DownloadError

logger = logging.getLogger(__name__)

TIMEOUT = 10.0
"""Seconds without an answer after which a host counts as unreachable."""


def download(url: str, path: Path) -> bytes:
    """The content at an https address.

    Raises:
        DownloadError: the host can't be reached, or doesn't send it. The message offers `path`, in
            the cache, as the place of a copy.
    """
    logger.info("Downloading %s", url)
    try:
        with urllib.request.urlopen(url, timeout=TIMEOUT) as answer:  # noqa: S310 - a fixed address
            content: bytes = answer.read()
    except (OSError, http.client.HTTPException) as error:
        reason = getattr(error, "reason", error)
        raise DownloadError(
            f"{url} could not be downloaded ({reason}): check the network, or save the file as "
            f"{path}."
        ) from error
    return content
