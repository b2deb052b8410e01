"""The balancer of the compose stack, as a real HAProxy on free ports before a real server."""
