"""A supervisor as BentoML makes it, whose workers are any program: `python -m ... WORKERS PROGRAM`.

It looks for dead workers by itself only once an hour, so that what happens sooner was noticed.
"""

import logging
import os
import sys
import tempfile

from circus.sockets import CircusSocket
from circus.watcher import Watcher

from service.bento import supervisor
from service.bento.ports import grpc_port
from tests.service.live_server import free_port

HOST = "127.0.0.1"


def main(workers: int, program: str, look_seconds: float) -> None:
    """Serve until told to stop."""
    logging.basicConfig(level=logging.INFO, stream=sys.stdout, format="%(message)s")
    supervisor._LOOK_SECONDS = look_seconds  # type: ignore[misc]
    with tempfile.TemporaryDirectory() as folder:
        environment = os.environ | {"PROMETHEUS_MULTIPROC_DIR": folder}
        supervisor.Supervisor(
            [Watcher("service", program, numprocesses=workers, env=environment, use_sockets=True)],
            f"tcp://{HOST}:{free_port()}",
            f"tcp://{HOST}:{free_port()}",
            sockets=[CircusSocket(name="http", host=HOST, port=free_port())],
            ports=[grpc_port(HOST, free_port())],
            is_open=False,
            stop_grace=0.0,
            drain_timeout=0.0,
        ).start()


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2], float(sys.argv[3]))
