"""How often words are used, by language: what tells joined words from a long word.

The tables are those of wordfreq (Robyn Speer, https://doi.org/10.5281/zenodo.7199437), cut to what is looked up here;
``README.md`` beside this file has their sources and their licence.

A table is UTF-8 text packed by bzip2. Its first line has one character a word for its frequency: ``FIRST_LEVEL`` plus
the centibels below 1. Each line after it is a word in alphabetical order, of which only the end is written, after one
character for how many letters it shares with the word before: ``FIRST_SHARED`` plus their number.
"""

from __future__ import annotations

import bz2
import functools
from collections.abc import Mapping
from importlib.resources import files

SOURCE = {"wordfreq": "3.1.1"}
"""Where the tables come from; part of the fingerprints of the probes that read them."""

FIRST_LEVEL = 0x100
"""Code point that stands for frequency level 0. Given by the format of the tables."""
FIRST_SHARED = 0x21
"""Code point that stands for no shared letter. Given by the format of the tables."""


@functools.lru_cache(maxsize=16)
def word_frequencies(language: str) -> Mapping[str, float] | None:
    """Return the share of each word in the texts of ``language``; None where there is no table.

    Args:
        language: Two or three lower-case letters, e.g. ``en``.
    """
    if not language.isalpha():
        return None
    table = files(__name__) / f"{language}.txt.bz2"
    if not table.is_file():
        return None
    levels, *lines = bz2.decompress(table.read_bytes()).decode().split("\n")
    found: dict[str, float] = {}
    word = ""
    for level, line in zip(levels, lines, strict=True):
        word = word[: ord(line[0]) - FIRST_SHARED] + line[1:]
        found[word] = 10 ** ((FIRST_LEVEL - ord(level)) / 100)
    return found
