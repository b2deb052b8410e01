"""From the bytes that a client sends to the numbers that a model takes."""
