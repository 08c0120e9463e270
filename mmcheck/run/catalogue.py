"""What is there to measure: the metrics of every registered probe and analysis."""

from __future__ import annotations

import importlib
from functools import cache
from typing import Any

from mmcheck.core.parts import ANALYSES, PROBES
from mmcheck.core.types import Metric


@cache
def known_metrics() -> dict[str, Metric]:
    """Return the metrics of all registered probes and analyses by full name; loads no model library."""
    return {
        metric.name: metric
        for table in (PROBES, ANALYSES)
        for entry in table
        for metric in table.get(entry.name).metrics
    }


def model_catalogue() -> Any:
    """Return the module that lists, downloads and checks models.

    It is imported by name, because it reaches the model libraries and the command line must start without them.
    """
    return importlib.import_module("mmcheck.backends.model_catalogue")
