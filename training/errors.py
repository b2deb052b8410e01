"""Failures that are expected in training; every message says what to change."""


class TrainingError(Exception):
    """An expected failure: the command line shows its message instead of a traceback."""


class DownloadError(TrainingError):
    """A data set could not be fetched: no network, no such version, no pip."""


class WrongHashError(TrainingError):
    """Fetched data don't have the pinned hash."""


class UnsafePickleError(TrainingError):
    """A pickle asked for something other than plain numpy arrays."""


class DiskFullError(TrainingError):
    """There is no space left to write a file."""


class NotWritableError(TrainingError):
    """A folder can't be created or written to."""


class ExportError(TrainingError):
    """An exported model does not do what the trained one does."""


class ArtifactError(TrainingError):
    """A folder is not an exported model of this project."""


class PackagingError(TrainingError):
    """A model can't be packaged as it is, or not by these options."""


class TuningError(TrainingError):
    """A search for better settings can't start, go on, or name a result."""
