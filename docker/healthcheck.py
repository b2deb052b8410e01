"""Exit with 0 if the service in this container is ready, and its workers don't die repeatedly.

A worker that is killed for memory is replaced, and ready again before the next check sees it. How
many died is read from the folder of metrics, since /metrics may need a key.
"""

import http.client
import json
import os
import ssl
import sys
import tempfile
import time
from pathlib import Path

from prometheus_client.multiprocess import MultiProcessCollector

SECONDS = 600.0
MANY = 3  # workers that die within so many seconds
TEMPORARY = Path(tempfile.gettempdir())
HISTORY = TEMPORARY / "trident-worker-exits.json"


def check_ready() -> None:
    """Ask whether the service is ready. Raises OSError if there is no answer, or it isn't 200.

    If there is a port for operations, it is asked: it demands no client's certificate.
    """
    port = int(os.environ.get("TRIDENT_OPERATIONS_PORT") or os.environ.get("BENTOML_PORT", "3000"))
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    if os.environ.get("TRIDENT_TLS_CERTIFICATE"):
        context = ssl.create_default_context()
        context.check_hostname = False  # the certificate is for other names than 127.0.0.1
        context.verify_mode = ssl.CERT_NONE
        connection = http.client.HTTPSConnection("127.0.0.1", port, timeout=5, context=context)
    connection.request("GET", "/readyz")
    answer = connection.getresponse()
    if answer.status != http.client.OK:
        raise OSError(f"/readyz answers {answer.status}")


def all_exits() -> float:
    """Return how many workers have died since the start."""
    folders = sorted(TEMPORARY.glob("trident-metrics-*"), key=lambda path: path.stat().st_mtime)
    files = [str(path) for folder in folders[-1:] for path in folder.glob("counter_*.db")]
    families = MultiProcessCollector.merge(files)  # type: ignore[no-untyped-call]
    samples = (sample for family in families for sample in family.samples)
    return sum(sample.value for sample in samples if sample.name == "trident_worker_exits_total")


def recent_exits(total: float) -> float:
    """Return how many of the `total` workers that died since the start died recently."""
    now = time.time()
    history = json.loads(HISTORY.read_text()) if HISTORY.exists() else []
    history = [[at, count] for at, count in history if at > now - SECONDS and count <= total]
    history.append([now, total])
    HISTORY.write_text(json.dumps(history))
    return float(total - history[0][1])


try:
    check_ready()
    exits = recent_exits(all_exits())
except (OSError, http.client.HTTPException) as error:
    sys.exit(f"no answer: {error}")
if exits >= MANY:
    sys.exit(f"{exits:.0f} workers died in the last {SECONDS / 60:.0f} minutes: see the log")
