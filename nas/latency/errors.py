"""The error of this room."""

from nas.errors import NasError


class LatencyError(NasError):
    """A latency that cannot be measured or predicted: no device, no table, another machine."""
