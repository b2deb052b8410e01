"""Trident's own API, over HTTP and over gRPC."""
