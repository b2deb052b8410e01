"""How bytes arrive and leave: HTTP/1.1, HTTP/2 and gRPC."""
