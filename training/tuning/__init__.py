"""Looks for better settings of a model's training: `python -m training tune NAME`."""
