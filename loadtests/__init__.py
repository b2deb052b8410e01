"""The benchmark, and the load test."""
