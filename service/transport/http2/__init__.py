"""A server's side of HTTP/2 (RFC 9113). It knows nothing of gRPC.

`protocol` and its imports are the protocol without I/O: bytes in, events and bytes out.
`connection` and `server` connect it to asyncio.
"""
