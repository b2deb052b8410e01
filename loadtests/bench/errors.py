"""Failures that are expected in a benchmark; every message says what to do."""


class BenchError(Exception):
    """An expected failure: the command line shows its message instead of a traceback."""


class MissingToolError(BenchError):
    """A load generator isn't installed."""


class ServerFailedError(BenchError):
    """A server didn't start, didn't become ready, or ended."""


class WrongAnswersError(BenchError):
    """A server's answers don't match the labels: its figures mean nothing."""


class LoadFailedError(BenchError):
    """A load generator failed, or its output has an unexpected form."""
