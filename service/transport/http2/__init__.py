"""A server's side of HTTP/2 (RFC 9113), on asyncio. It knows nothing of gRPC."""
