"""What is reported of requests and models: metrics, logs, traces."""

from service.telemetry.reserved_files import reserve_files

reserve_files()  # before the first metric is made
