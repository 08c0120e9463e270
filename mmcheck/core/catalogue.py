"""What is there to measure: the metrics of every registered probe and analysis."""

from __future__ import annotations

from functools import cache

from mmcheck.core.parts import ANALYSES, PROBES
from mmcheck.core.types import Metric


@cache
def known_metrics() -> dict[str, Metric]:
    """Return the metrics of all registered probes and analyses by full name; loads no model library."""
    return {
        metric.name: metric for table in (PROBES, ANALYSES) for entry in table for metric in table.metrics(entry.name)
    }
