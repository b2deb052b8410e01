"""Exit with 0 if the service in this container is ready."""

import http.client
import os
import sys

connection = http.client.HTTPConnection(
    "127.0.0.1", int(os.environ.get("BENTOML_PORT", "3000")), timeout=5
)
try:
    connection.request("GET", "/readyz")
    sys.exit(connection.getresponse().status != http.client.OK)
except OSError as error:
    sys.exit(f"no answer: {error}")
