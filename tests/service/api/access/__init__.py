"""Tests of keys and of the gate."""
