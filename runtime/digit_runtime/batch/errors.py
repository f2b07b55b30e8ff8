"""The failures of a batch run that are not those of digit_runtime."""

from digit_runtime.errors import DigitError


class OutputInUseError(DigitError, FileExistsError):
    """The output holds results of another input, model or option than this run's."""


class CountsError(DigitError, RuntimeError):
    """Rows were lost or doubled: the counts of a run do not add up."""


class ClusterError(DigitError, RuntimeError):
    """Ray cannot be started or reached, or its workers fail."""


class WorkerKilledError(DigitError, RuntimeError):
    """All workers that were given a part were killed: out of memory, or a crash of the engine."""
