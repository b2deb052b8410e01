"""Keras's own image data sets, with a short time-out if their host doesn't answer."""

import importlib
import logging
import socket
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np

from training.errors import DownloadError

logger = logging.getLogger(__name__)

TIMEOUT = 5.0
"""Seconds without an answer after which the host counts as unreachable."""


def load(name: str) -> dict[str, np.ndarray]:
    """`keras.datasets.NAME.load_data()`: x_train, x_test uint8 [n, 28, 28]; y_train, y_test uint8.

    Raises:
        DownloadError: the host does not answer, or sends something else.
    """
    dataset = importlib.import_module(f"keras.datasets.{name}")
    try:
        with _short_timeout():
            (x_train, y_train), (x_test, y_test) = dataset.load_data()
    except Exception as error:  # Keras raises a bare Exception when its host can't be reached.
        logger.info("Keras's own loader for %s got no answer: %s", name, error)
        raise DownloadError(
            f"keras.datasets.{name} could not be downloaded: check the network, then try again."
        ) from error
    return {"x_train": x_train, "y_train": y_train, "x_test": x_test, "y_test": y_test}


@contextmanager
def _short_timeout() -> Iterator[None]:
    """Set the sockets' default time-out meanwhile, since Keras has no time-out of its own."""
    usual = socket.getdefaulttimeout()
    socket.setdefaulttimeout(TIMEOUT)
    try:
        yield
    finally:
        socket.setdefaulttimeout(usual)
