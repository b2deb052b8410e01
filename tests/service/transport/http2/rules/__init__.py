"""The rules of HTTP/2 (RFC 9113) and of HPACK (RFC 7541), a module for each section.

Each rule is a case with its section in its name: what a client sends, and what must come of it.
"""
