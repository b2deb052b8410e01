"""Load: the benchmark, and the load test."""
