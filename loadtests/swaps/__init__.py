"""What version swaps cost the callers of a server: failures, latency, memory."""
