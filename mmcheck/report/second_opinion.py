"""What a second verifier of transcripts adds on a row: the words that are doubted, and what it heard itself."""

from __future__ import annotations

from dataclasses import dataclass

from mmcheck.core.json_types import LoadedJson
from mmcheck.report.shown_text import show_plain

ANALYSIS, PROBE = "agreement", "transcript_second"
_TITLES = {
    "both": "Both verifiers doubt",
    "first": "Only the first verifier doubts",
    "second": "Only the second verifier doubts",
}
"""Key of the evidence -> what the words under it are."""
_MAX_HEARD = 600  # characters of what was heard that are shown; our own choice: the page stays readable


@dataclass(frozen=True, slots=True, kw_only=True)
class SecondOpinion:
    """Lines for people, safe to show."""

    title: str
    """Who says it."""
    text: str
    """The words."""


def tell_second(agreement: LoadedJson, second: LoadedJson) -> tuple[SecondOpinion, ...]:
    """Return the lines on a row; none where no second verifier has anything to add.

    Args:
        agreement: Evidence of the analysis ``agreement``: words by who doubts them.
        second: Evidence of the probe ``transcript_second``: ``hypothesis``, what it heard.
    """
    told = []
    for key, title in _TITLES.items():
        words = agreement.get(key)
        if isinstance(words, list) and words:
            told.append(SecondOpinion(title=title, text=show_plain(", ".join(map(str, words)), _MAX_HEARD)))
    heard = second.get("hypothesis")
    if isinstance(heard, str) and heard:
        told.append(SecondOpinion(title="The second verifier hears", text=show_plain(heard, _MAX_HEARD)))
    return tuple(told)
