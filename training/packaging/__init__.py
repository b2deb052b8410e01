"""Turns a Keras user's model into a folder of `models/` that the service serves."""
