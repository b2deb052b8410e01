"""Load: the benchmark."""
