"""What can be expected to go wrong in training; every message says what to change."""


class TrainingError(Exception):
    """An expected failure: the command line shows its message instead of a traceback."""


class DownloadError(TrainingError):
    """A data set could not be fetched: no network, no such version, no pip."""


class WrongHashError(TrainingError):
    """Fetched data are not the data that this code was written for."""


class UnsafePickleError(TrainingError):
    """A pickle asked for something other than plain numpy arrays."""


class DiskFullError(TrainingError):
    """There is no room left where a file was to be written."""


class NotWritableError(TrainingError):
    """A folder can't be created or written to."""


class ExportError(TrainingError):
    """An exported model does not do what the trained one does."""


class ArtifactError(TrainingError):
    """A folder is not an exported model of this project."""
