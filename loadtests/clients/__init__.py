"""What the clients of the load test send, and how their answers are judged.

Nothing here imports locust, which patches the standard library of the process that does.
"""
