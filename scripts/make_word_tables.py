#!/usr/bin/env python3
"""Writes the word tables of ``mmcheck/metrics/word_tables`` from the lists of wordfreq (needs `pip install wordfreq`).

Only what ``mmcheck.metrics.joined_words`` can read is kept: words of letters, long enough for their frequency, or as
long as a word that is looked up whole. Languages without spaces between words have no joined words and no table.
"""

from __future__ import annotations

import bz2
import importlib.metadata
import re
import sys
from pathlib import Path

import wordfreq

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from mmcheck.metrics.joined_words import LONGEST, MIN_LETTERS, RARE, RAREST
from mmcheck.metrics.word_tables import FIRST_LEVEL, FIRST_SHARED, SOURCE

_LETTERS = re.compile(r"(?:[^\W\d_]|['\u2019])+")
_NO_SPACES = {"ja", "zh"}


def main() -> None:
    """Write one file a language."""
    found = importlib.metadata.version("wordfreq")
    if found != SOURCE["wordfreq"]:
        sys.exit(f"wordfreq is {found}, but mmcheck.metrics.word_tables says {SOURCE['wordfreq']}")
    folder = Path(__file__).resolve().parents[1] / "mmcheck" / "metrics" / "word_tables"
    for language in sorted(set(wordfreq.available_languages("small")) - _NO_SPACES):
        levels = {
            word: level
            for level, words in enumerate(wordfreq.get_frequency_list(language, "small"))
            for word in words
            if _LETTERS.fullmatch(word) and _is_read(word, 10 ** (-level / 100))
        }
        words = sorted(levels)
        lines = ["".join(chr(FIRST_LEVEL + levels[word]) for word in words)]
        before = ""
        for word in words:
            shared = _num_shared(before, word)
            lines.append(chr(FIRST_SHARED + shared) + word[shared:])
            before = word
        (folder / f"{language}.txt.bz2").write_bytes(bz2.compress("\n".join(lines).encode()))


def _num_shared(one: str, other: str) -> int:
    """Return how many letters two words share from their first on."""
    length = min(len(one), len(other))
    return next((place for place in range(length) if one[place] != other[place]), length)


def _is_read(word: str, frequency: float) -> bool:
    return len(word) >= MIN_LETTERS or (len(word) <= LONGEST and frequency >= RAREST.get(len(word), RARE))


if __name__ == "__main__":
    main()
