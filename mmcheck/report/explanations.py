"""What a finding code means, in plain words, whatever rule made it."""

from __future__ import annotations

import re
from collections.abc import Mapping

from mmcheck.config import COLUMN_PREFIX, Config, RuleConfig
from mmcheck.core.pair_kinds import PAIR_KINDS
from mmcheck.core.parts import RULES
from mmcheck.core.types import Metric
from mmcheck.metrics.transcript_cleaning import KINDS
from mmcheck.report.finding_rows import NO_FINDING, CodeCount
from mmcheck.report.shown_text import format_value, show_plain

_CAUSES = {
    # media
    "missing": "the file is not there",
    "empty": "the file is empty",
    "blank": "another image of the row is of one colour, or nearly",
    "truncated": "the file is cut short",
    "undecodable": "the file cannot be decoded",
    "too_large": "it is larger than the config allows",
    "too_long": "it is longer than the config allows",
    "not_image": "the file is not an image",
    "not_audio": "the file is not a recording",
    "no_audio_stream": "the file holds no sound",
    "is_directory": "the path is a folder, not a file",
    "not_a_file": "the path is not a regular file",
    "bad_path": "the path cannot be the path of a file",
    "permission": "the file may not be read",
    "permission_denied": "the file may not be read",
    "remote": "it is on another machine, and fetching is not allowed",
    "remote_not_allowed": "it is on another machine, and fetching is not allowed",
    "unreachable": "it is on another machine that cannot be reached",
    "segment_outside": "the segment is outside the recording",
    "segment_invalid": "the segment's start or duration is not valid",
    "unreadable": "reading failed",
    # rows
    "broken_json": "the line is not valid JSON",
    "ragged": "the row has more or fewer fields than the header",
    "broken_line": "a line end inside the text breaks it in two",
    "bad_duration": "the duration is not a number",
    "dotted_key": "the key of the tar member has a dot, where WebDataset ends it",
    "split_key": "the tar members of the key are not next to each other",
    "not_an_object": "the line is not a JSON object",
    "missing_column": "a column that is needed is missing",
    "encoding": "the row is not text in the expected encoding",
    # the manifest's own columns
    "not_allowed": "the value is not one of those that are allowed",
    "not_matching": "the value does not have the form that is wanted",
    "not_unique": "a row before has the same value",
    "not_a_number": "the value is not a number",
    "wrong_type": "there is a nested object where one value is wanted",
    # texts and the unmeasured
    **{kind.text: f"the {kind.text_noun} has no letters or digits" for kind in PAIR_KINDS},
    "probe_failed": "a probe failed",
    "pair_not_measured": "no probe could compare the pair",
    "nothing_measured": "nothing was measured",
    # what tools left in a text
    **KINDS,
}
_NUMBERS = re.compile(r"\s*\([^()]*\{[^()]*\)")


def explain_code(count: CodeCount, config: Config, metrics: Mapping[str, Metric]) -> str:
    """Return one or two plain sentences on a finding code.

    The rule's own message from the config comes first; else the meaning of the kind of rule and of the cause, and for
    a threshold the metric with its limits.
    """
    if count.code == NO_FINDING:
        return "The pair is not kept, but the verdict names no finding."
    rule = config.rules.get(count.rule)
    if rule is None:
        return show_plain(count.message, 300) if count.message else "The rule is no longer in the config."
    said = []
    if message := _general(rule.message or ""):
        said.append(message)
    elif meaning := RULES.get(rule.rule).traits.meaning:
        cause = _cause(rule.rule, count.code.rpartition(".")[2])
        said.append(meaning + (f": {cause}" if cause else ""))
    name = count.metric or rule.metric
    if name and rule.rule == "metadata" and said:
        said[-1] = said[-1].replace("A column of the manifest", f"The column {name.removeprefix(COLUMN_PREFIX)}", 1)
    if name and (rule.min is not None or rule.max is not None):
        metric = metrics.get(name)
        meaning = f" ({metric.description.rstrip('.')})" if metric is not None and not said else ""
        said.append(f"Kept if {name} is {_limits(rule)}{meaning}")
    if not said:
        said.append(count.message.rstrip(".") or f"Found by the rule {count.rule}")
    return show_plain(". ".join(said) + ".", 500)


def _cause(kind: str, cause: str) -> str | None:
    """Return what a cause means; some words mean another thing of a column than of a file."""
    if kind == "metadata" and cause == "missing":
        return "there is no value"
    return _CAUSES.get(cause)


def _general(message: str) -> str:
    """Return the message of a rule without the brackets that hold the numbers of one pair; "" if some remain."""
    general = _NUMBERS.sub("", message).strip().rstrip(".")
    return "" if "{" in general else general


def _limits(rule: RuleConfig) -> str:
    said = []
    if rule.min is not None:
        said.append(f"at least {format_value(rule.min)}")
    if rule.max is not None:
        said.append(f"at most {format_value(rule.max)}")
    return " and ".join(said)
