"""What the clients of the load test send, and how answers are judged.

Nothing here imports locust, because it patches the standard library.
"""
