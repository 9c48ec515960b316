"""The kinds of error a user can cause, all rooted in `NasError`.

A `NasError` is bad input or a bad environment: the command line prints its message as one line and
ends with exit code 2. Anything else that escapes is a mistake of ours and keeps its traceback.
"""


class NasError(Exception):
    """Root of every error that the user can mend. The message states value, rule and next step."""


class UnitsError(NasError):
    """A quantity such as "400M" that cannot be read."""


class SpecError(NasError):
    """An impossible network; the message names the field."""


class SpaceError(NasError):
    """A search space that lacks what was asked of it."""


class PluginError(NasError):
    """A plug-in that is unknown, ambiguous or broken."""


class EvaluationError(NasError):
    """An evaluator that cannot judge a network."""


class RunError(NasError):
    """A run folder that is missing, foreign, damaged, in use or of another configuration."""


class WorkersError(NasError):
    """Workers that cannot be had: no engine, no cluster, no room."""


class NoStudyError(RunError):
    """A database that can be reached and holds no study of the search that was asked about."""


class RunInUseError(RunError):
    """A run folder that another process works on."""


class ConfigError(NasError):
    """Settings that contradict each other or the space."""


class WriteError(NasError):
    """A file or folder that cannot be written."""


class DataError(NasError):
    """Images that are missing, unreadable or not arranged as a data set."""


class TrainingError(NasError):
    """A training that cannot start or go on."""


class PluginWarning(UserWarning):
    """Something about a plug-in that the user should know and that stops nothing."""


def one_line(error: BaseException) -> str:
    """An error's kind and the first line of what it says."""
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0]}" if lines else type(error).__name__
