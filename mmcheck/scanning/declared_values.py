"""Whether a probe gives what its metrics declare; a value under an unknown name would be lost without a word."""

from __future__ import annotations

from typing import Any

from mmcheck.core.types import Measurement, Metric
from mmcheck.probe.base import Probe

_TOLERANCE = 1e-6  # what a value may exceed its range by; our own choice: rounding in single precision


class DeclaredValues:
    """The names and ranges that a probe's metrics declare.

    Args:
        probe: The probe.
    """

    def __init__(self, probe: Probe[Any]) -> None:
        self._probe = probe.name
        self._metrics: dict[str, Metric] = {metric.name.partition(".")[2]: metric for metric in probe.metrics}
        # Models in half precision round mmcheck's own values by more than the tolerance.
        self._is_own = type(probe).__module__.partition(".")[0] == "mmcheck"

    def check(self, measurement: Measurement) -> None:
        """Refuse values that the metrics do not declare.

        Raises:
            ValueError: If a value has no metric, or lies outside its metric's range.
        """
        values = measurement.values
        if unknown := values.keys() - self._metrics.keys():
            given = ", ".join(f"`{name}`" for name in sorted(map(str, unknown)))
            wanted = ", ".join(f"`{name}`" for name in self._metrics) or "none"
            raise ValueError(f"{self._probe} gave {given}, which is none of its metrics (they are: {wanted}).")
        if self._is_own:
            return
        for name, value in values.items():
            metric = self._metrics[name]
            if metric.low is not None and value < metric.low - _TOLERANCE:
                raise ValueError(f"{metric.name} is {value}, but its metric declares low={metric.low}.")
            if metric.high is not None and value > metric.high + _TOLERANCE:
                raise ValueError(f"{metric.name} is {value}, but its metric declares high={metric.high}.")
