"""Phrases that speech recognisers write where nobody speaks: over silence, music and noise.

They were trained on subtitles, so over silence they write what subtitles end with: thanks for watching, who made the
subtitles, a plea to subscribe (Baranski et al., arXiv 2501.11378, collect such outputs). The lists in
``hallucinated_phrases.txt`` are our own, by language. Somebody may really say most of these sentences, hence the
measure is the share of a transcript that they cover: a transcript that is nothing else is worth a look.
"""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

_LISTS = Path(__file__).with_name("hallucinated_phrases.txt")
_CREDIT = r"(?: \S+){0,7}"
_LOOKED_AT = 2_000
"""Characters of a transcript that are read. Our own choice: what is longer is more than such phrases."""


def hallucination_ratio(text: str) -> float:
    """Return the share of letters and digits that belong to such phrases, 0 to 1; 0 where there are none.

    Args:
        text: The transcript; only its first 2,000 characters are read.
    """
    looked_at = " ".join(text[:_LOOKED_AT].replace("\u2019", "'").split())
    total = _count(looked_at)
    if not total:
        return 0.0
    return min(1.0, sum(_count(match.group()) for match in _phrases().finditer(looked_at)) / total)


@cache
def _phrases() -> re.Pattern[str]:
    lines = [line for line in _LISTS.read_text("utf-8").splitlines() if line and not line.startswith("#")]
    joined = "|".join(f"(?:{line})" for line in lines).replace("{credit}", _CREDIT)
    return re.compile(rf"(?<!\w)(?:{joined})(?!\w)", re.IGNORECASE)


def _count(text: str) -> int:
    return sum(map(str.isalnum, text))
