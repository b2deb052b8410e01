"""The kinds of tasks: how inputs become a model's batch, and its outputs answers."""
