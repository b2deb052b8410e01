"""What hours of mixed traffic do to a server: memory, descriptors, threads, latency, series."""
