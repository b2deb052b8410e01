"""gRPC on top of HTTP/2."""
