"""What is told about requests and models: metrics, logs, traces."""
