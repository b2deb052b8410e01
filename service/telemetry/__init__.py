"""What is reported of requests and models: metrics, logs, traces."""
