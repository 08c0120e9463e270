"""What is there to measure: the metrics of every registered probe and analysis."""

from __future__ import annotations

from contextlib import nullcontext, suppress
from functools import cache

from mmcheck.core.errors import ConfigError
from mmcheck.core.parts import ANALYSES, PROBES
from mmcheck.core.types import Metric


@cache
def known_metrics() -> dict[str, Metric]:
    """Return the metrics of all registered probes and analyses by full name; loads no model library.

    A package that is broken has none here: that is told where a config names its part.

    Raises:
        ConfigError: If a package claims the name of a part of mmcheck's own.
    """
    found: dict[str, Metric] = {}
    for table in (PROBES, ANALYSES):
        for entry in table:
            with suppress(ConfigError) if entry.package else nullcontext():
                found |= {metric.name: metric for metric in table.metrics(entry.name)}
    return found
