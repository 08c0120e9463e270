"""Word tables: common words are more frequent than rare ones, and every file can be read."""

from __future__ import annotations

from importlib.resources import files

import pytest

from mmcheck.metrics import word_tables
from mmcheck.metrics.word_tables import word_frequencies

LANGUAGES = sorted(path.name.split(".")[0] for path in files(word_tables).iterdir() if path.name.endswith(".bz2"))


def test_frequencies_are_those_of_the_source() -> None:
    english = word_frequencies("en")
    assert english is not None
    # What wordfreq 3.1.1 says: get_frequency_dict("en", "small").
    assert (english["the"], english["dog"], english["internationally"]) == (
        0.05370317963702527,
        0.00012589254117941674,
        8.91250938133746e-06,
    )
    assert "qwrtzx" not in english


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_table_is_whole(language: str) -> None:
    table = word_frequencies(language)
    assert table is not None
    assert len(table) > 1000
    assert all(0.0 < frequency < 0.1 for frequency in table.values())


@pytest.mark.parametrize("language", ["xx", "ja", "zh", "", "../en", "en.txt"])
def test_a_language_without_a_table(language: str) -> None:
    assert word_frequencies(language) is None
