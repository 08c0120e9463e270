"""Names that ``datasets`` takes for splits: a metadata file above them loses its columns without a word.

The words and their borders are those of ``datasets.data_files`` (SPLIT_KEYWORDS, NON_WORDS_CHARS).
"""

from __future__ import annotations

import re
from collections.abc import Iterable

_WORD = re.compile(
    r"(?<![^-._ 0-9/])(training|train|validation|valid|dev|val|testing|test|evaluation|eval)(?=[-._ 0-9/])"
)
_SHOWN = 4  # names that a message lists; our own choice: a message stays readable


def find_split_names(names: Iterable[str]) -> list[str]:
    """Return the first words of file names (relative paths) that are taken for splits."""
    found: dict[str, None] = {}
    for name in names:
        if not name.rpartition("/")[2].startswith("metadata."):
            found.update(dict.fromkeys(_WORD.findall(name)))
    return list(found)[:_SHOWN]


def without_split_names(name: str) -> str:
    """Return a relative path in which no word is taken for a split: ``test/a.jpg`` becomes ``testset/a.jpg``."""
    return _WORD.sub(r"\1set", name)
