"""The measurement of a sample on which a probe failed."""

from __future__ import annotations

from mmcheck.core.errors import MediaError
from mmcheck.core.types import Measurement, Sample


def failed_sample(sample: Sample, probe: str, error: Exception) -> Measurement:
    """Return the measurement that tells of ``error``, with what can be done about it."""
    if isinstance(error, MediaError):
        return Measurement.failed(sample.id, probe, _told(error), error.cause)
    reason = f"{type(error).__name__}: {' '.join(str(error).split())[:300]}"
    return Measurement.failed(sample.id, probe, reason, "internal_error")


def _told(error: MediaError) -> str:
    if not error.hint:
        return error.message
    message = error.message if error.message.endswith((".", "!", "?")) else f"{error.message}."
    return f"{message} {error.hint[:1].upper()}{error.hint[1:]}"
