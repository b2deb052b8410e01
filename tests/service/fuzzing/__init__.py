"""Inputs that an attacker might send, made from a seed: the same seed makes the same inputs."""
