"""Exit with 0 if the service in this container is ready, and its workers don't die repeatedly.

A worker that is killed for memory is replaced, and ready again before the next check sees it.
"""

import http.client
import json
import os
import re
import sys
import tempfile
import time
from pathlib import Path

SECONDS = 600.0
MANY = 3  # workers that die within so many seconds
HISTORY = Path(tempfile.gettempdir()) / "trident-worker-exits.json"


def ask(path: str) -> str:
    """Return the body of the service's answer. Raises OSError if there is none, or it isn't 200."""
    port = int(os.environ.get("BENTOML_PORT", "3000"))
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    connection.request("GET", path)
    answer = connection.getresponse()
    if answer.status != http.client.OK:
        raise OSError(f"{path} answers {answer.status}")
    return answer.read().decode()


def recent_exits(total: float) -> float:
    """Return how many of the `total` workers that died since the start died recently."""
    now = time.time()
    history = json.loads(HISTORY.read_text()) if HISTORY.exists() else []
    history = [[at, count] for at, count in history if at > now - SECONDS and count <= total]
    history.append([now, total])
    HISTORY.write_text(json.dumps(history))
    return float(total - history[0][1])


try:
    ask("/readyz")
    counts = re.findall(r"^trident_worker_exits_total{.*} (\S+)$", ask("/metrics"), re.MULTILINE)
except (OSError, http.client.HTTPException) as error:
    sys.exit(f"no answer: {error}")
exits = recent_exits(sum(map(float, counts)))
if exits >= MANY:
    sys.exit(f"{exits:.0f} workers died in the last {SECONDS / 60:.0f} minutes: see the log")
