"""What a finding code means, in plain words, whatever rule made it."""

from __future__ import annotations

from collections.abc import Mapping

from mmcheck.codes.explain import CodeStory, explain_rule, is_code, tell_cause, tell_kept, tell_title
from mmcheck.config import Config
from mmcheck.core.types import Metric
from mmcheck.report.finding_rows import NO_FINDING, CodeCount
from mmcheck.report.shown_text import show_plain


def explain_code(count: CodeCount, config: Config, metrics: Mapping[str, Metric]) -> str:
    """Return one or two plain sentences on a finding code.

    The rule's own message from the config comes first; else its page, or the meaning of its kind, with the cause, and
    for a threshold the metric with its limits.
    """
    if count.code == NO_FINDING:
        return "The pair is not kept, but the verdict names no finding."
    rule = config.rules.get(count.rule)
    if rule is None:
        return show_plain(count.message, 300) if count.message else "The rule is no longer in the config."
    said = []
    title = tell_title(count.rule, rule)
    if title != count.rule:
        cause = "" if rule.message else tell_cause(count.rule, count.code, rule)
        said.append(title + (f": {cause}" if cause else ""))
    if kept := tell_kept(rule.model_copy(update={"metric": count.metric or rule.metric})):
        name, _, limits = kept.partition(" ")
        metric = metrics.get(name)
        meaning = f" ({metric.description.rstrip('.')})" if metric is not None and not said else ""
        said.append(f"Kept if {name} is {limits}{meaning}")
    if not said:
        said.append(count.message.rstrip(".") or f"Found by the rule {count.rule}")
    return show_plain(". ".join(said) + ".", 500)


def find_story(count: CodeCount, config: Config) -> CodeStory | None:
    """Return the whole explanation of a code, with the limits of the run; None if nobody wrote one.

    Args:
        count: The code.
        config: The config that the run was judged with.
    """
    return explain_rule(count.code, config.rules) if is_code(count.code, config.rules) else None
