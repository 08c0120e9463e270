"""The given text, written as the recogniser would write it, wherever both say the same.

What is said the same is written in many ways that no table holds: "wood cutters", "Desole" for "Désolé", names,
figures. Where a recogniser was asked for its own text, it shows how it writes; its spelling is taken for each stretch
whose letters and digits agree with the given ones once numbers, abbreviations and accents are set aside. All other
words stay as they were given, so a word that is wrong stays wrong.
"""

from __future__ import annotations

from collections.abc import Sequence

from mmcheck.core.languages import primary_code
from mmcheck.metrics.plain_spelling import split_edges
from mmcheck.metrics.spellings import Spelling, write_runs
from mmcheck.metrics.spoken_numbers import fold_word
from mmcheck.metrics.spoken_short import english_spellings
from mmcheck.metrics.text_normalization import is_scriptio_continua, normalize

_MAX_GAP = 12
"""Words between two that agree which may be one stretch written otherwise. Our own choice: a number has ten."""


def spell_as_heard(text: str, heard: str, language: str | None) -> Spelling | None:
    """Return the text in the recogniser's spelling; None if it would be the same, or nothing agrees.

    Args:
        text: The given text.
        heard: What was recognised.
        language: Code of the language.
    """
    given, other = text.split(), heard.split()
    if not given or not other or is_scriptio_continua(language, text):
        return None
    replaced = _find_runs(given, other, language)
    if not replaced:
        return None
    spelling = write_runs(given, [(start, stop, other[first:last]) for start, stop, first, last in replaced])
    return None if spelling.words == tuple(given) else spelling


def _find_runs(given: Sequence[str], heard: Sequence[str], language: str | None) -> list[tuple[int, int, int, int]]:
    """Return runs of both that say the same: first and last index of either, the shortest that can be told apart."""
    from rapidfuzz.distance import Indel

    keys = [_key([word], language) for word in given]
    heard_keys = [_key([word], language) for word in heard]
    runs: list[tuple[int, int, int, int]] = []
    for block in Indel.opcodes(keys, heard_keys):
        if block.tag == "equal":
            for offset in range(block.src_end - block.src_start):
                place = block.src_start + offset
                runs.append((place, place + 1, block.dest_start + offset, block.dest_start + offset + 1))
    gaps: list[tuple[int, int, int, int]] = []
    before = (0, 0)
    for start, stop, first, last in [*runs, (len(given), len(given), len(heard), len(heard))]:
        gaps.append((before[0], start, before[1], first))
        before = stop, last
    for gap in gaps:
        runs += _match_gap(given, heard, gap, language)
    # A mark alone says nothing and agrees with nothing.
    return sorted(run for run in runs if _key(given[run[0] : run[1]], language))


def _match_gap(
    given: Sequence[str], heard: Sequence[str], gap: tuple[int, int, int, int], language: str | None
) -> list[tuple[int, int, int, int]]:
    """Return the shortest runs in a gap that say the same, from left to right."""
    start, stop, first, last = gap
    if stop - start > _MAX_GAP or last - first > _MAX_GAP:
        return []
    found: list[tuple[int, int, int, int]] = []
    while start < stop and first < last:
        keys = [(end, _key(given[start:end], language)) for end in range(start + 1, stop + 1)]
        heard_keys = [(till, _key(heard[first:till], language)) for till in range(first + 1, last + 1)]
        fitting = [(end, till) for end, key in keys for till, other in heard_keys if key and key == other]
        if fitting:
            end, till = min(fitting, key=lambda pair: (sum(pair), pair))
            found.append((start, end, first, till))
            start, first = end, till
            continue
        # Neither begins what the other does: the given word stays, and so does what was heard in its place.
        start, first = start + 1, first + 1
    return found


def _key(words: Sequence[str], language: str | None) -> str:
    """Return what is said: letters and digits of the normalised words, without accents."""
    text = " ".join(words)
    key = fold_word(normalize(text, language))
    if primary_code(language) == "en":
        british, _ = english_spellings()
        joined = fold_word("".join(split_edges(word)[1] for word in words))
        return british.get(joined, key) if len(words) == 1 else key
    return key
