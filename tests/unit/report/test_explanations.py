from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from mmcheck.config import parse_config
from mmcheck.core.types import Metric
from mmcheck.report.explanations import explain_code
from mmcheck.report.finding_rows import NO_FINDING, CodeCount

METRICS = {"transcript.wer": Metric(name="transcript.wer", description="Word error rate.")}


def explain(rule: dict[str, Any] | None, code: str, message: str = "said", metric: str | None = None) -> str:
    config = parse_config({"rules": {} if rule is None else {"r": rule}})
    rows = np.zeros(1, dtype=np.int64)
    metric = rule.get("metric", metric) if rule is not None else metric
    count = CodeCount(code=code, rule="r", metric=metric, action="flag", pairs=1, rows=rows, message=message)
    return explain_code(count, config, METRICS)


@pytest.mark.parametrize(
    ("rule", "code", "text"),
    [
        (
            {"metric": "transcript.wer", "max": 0.5},
            "r.above_max",
            "Kept if transcript.wer is at most 0.5 (Word error rate).",
        ),
        (
            {"metric": "transcript.wer", "min": 0.1, "max": 0.5, "message": "Too many errors ({observed:.2f})."},
            "r.above_max",
            "Too many errors. Kept if transcript.wer is at least 0.1 and at most 0.5.",
        ),
        ({"rule": "unreadable_media"}, "r.truncated", "The image or recording cannot be used: "),
        ({"rule": "broken_row"}, "r.broken_json", "The manifest row cannot be read: the row is not valid JSON."),
        ({"rule": "broken_row", "message": "Look at the file."}, "r.broken_json", "Look at the file."),
        (
            {"metric": "column.license", "required": True},
            "r.missing",
            "The column license is not as the config wants it: the value is not there.",
        ),
        (
            {"metric": "column.pwatermark", "max": 0.8, "message": "A watermark."},
            "r.above_max",
            "A watermark. Kept if column.pwatermark is at most 0.8.",
        ),
        (None, "r.x", "said"),
        ({"rule": "unmeasured"}, NO_FINDING, "the verdict names no finding"),
    ],
)
def test_every_code_is_explained_in_plain_words(rule: dict[str, Any] | None, code: str, text: str) -> None:
    assert text in explain(rule, code, metric="transcript.wer")


def test_a_message_with_numbers_outside_brackets_is_left_out() -> None:
    rule = {"metric": "transcript.wer", "max": 0.5, "message": "{observed} errors"}
    assert "{" not in explain(rule, "r.above_max", metric="transcript.wer")
