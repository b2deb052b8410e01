"""Trident's own interface, over HTTP and over gRPC."""
