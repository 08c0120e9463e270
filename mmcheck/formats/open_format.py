"""Opening a manifest format by its registered name."""

from __future__ import annotations

from mmcheck.config import Config
from mmcheck.formats.base import FORMATS, Format


def open_format(name: str, config: Config) -> Format:
    """Return a format by name."""
    made: Format = FORMATS.get(name)(config.input)
    return made
