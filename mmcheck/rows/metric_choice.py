"""The metric that a person means, and which of its ends is bad."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import dataclass

from mmcheck.config import Config
from mmcheck.core.catalogue import known_metrics
from mmcheck.core.errors import ConfigError
from mmcheck.core.types import Metric
from mmcheck.store.run_folder import RunFolder

_COLUMN = "mmcheck_"


@dataclass(frozen=True, slots=True, kw_only=True)
class Ordering:
    """A metric, and the end of it that comes first."""

    metric: Metric
    lowest_first: bool
    """Whether low values are the bad ones."""
    why: str
    """What says so, for people."""


def find_metric(run: RunFolder, name: str) -> Metric:
    """Return the metric of a run that a name means: its own, its last part, or its column in written manifests.

    Args:
        run: The run.
        name: ``image_text.similarity``, ``similarity`` or ``mmcheck_image_text_similarity``.

    Raises:
        ConfigError: If it means none, or several.
    """
    stored = run.metrics()
    if name in stored:
        return stored[name]
    meant = [full for full in stored if name in (full.partition(".")[2], f"{_COLUMN}{full.replace('.', '_')}")]
    if len(meant) == 1:
        return stored[meant[0]]
    if meant:
        raise ConfigError(f"{name!r} can mean {' or '.join(meant)}.", hint=f"give the whole name: --by {meant[0]}")
    if name in known_metrics():
        raise ConfigError(
            f"{run.path} has no {name}: {name.partition('.')[0]} did not run.",
            hint=f"it has, for example, {', '.join(_first(stored, 3))}." if stored else None,
        )
    by_short = {full.partition(".")[2]: full for full in stored}
    near = difflib.get_close_matches(name, [*stored, *by_short], n=3, cutoff=0.5)
    shown = list(dict.fromkeys(by_short.get(one, one) for one in near))
    raise ConfigError(
        f"this run has no metric {name!r}.",
        hint=f"did you mean {' or '.join(shown)}?" if shown else "docs/metrics.md and `mmcheck list` name them all.",
    )


def order_metric(metric: Metric, config: Config, lowest_first: bool | None = None) -> Ordering:
    """Return which end of a metric is bad: as asked, by its own nature, or by the rules that look at it.

    Args:
        metric: The metric.
        config: The config that the run was judged with.
        lowest_first: What was asked for; None: nothing.
    """
    if lowest_first is not None:
        return Ordering(metric=metric, lowest_first=lowest_first, why="as asked")
    if metric.higher_is_better is not None:
        why = "low values speak against the pair" if metric.higher_is_better else "high values speak against the pair"
        return Ordering(metric=metric, lowest_first=metric.higher_is_better, why=why)
    rules = {name: rule for name, rule in config.rules.items() if rule.enabled and rule.metric == metric.name}
    low = [name for name, rule in rules.items() if rule.min is not None]
    high = [name for name, rule in rules.items() if rule.max is not None]
    if low and not high:
        return Ordering(metric=metric, lowest_first=True, why=f"the rule {low[0]} asks for more")
    if high and not low:
        return Ordering(metric=metric, lowest_first=False, why=f"the rule {high[0]} asks for less")
    why = "both ends can be bad" if low else "neither end is bad in itself"
    return Ordering(metric=metric, lowest_first=False, why=f"{why}; --lowest shows the other one")


def _first(names: Iterable[str], count: int) -> list[str]:
    return list(names)[:count]
