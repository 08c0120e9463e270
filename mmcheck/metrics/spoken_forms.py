"""Other ways to write what a transcript says: "25 Dr. & $5" is said as "twenty-five doctor and five dollars".

A recogniser writes one form and finds the others unlikely, though nobody can hear the difference. So the places of a
text that may be written otherwise are found here, with what else may stand there: numbers and their words, ordinals,
years, currencies, percent, times, signs, abbreviations, contractions, letters with points, hyphens, British and
American spelling.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from mmcheck.core.languages import primary_code
from mmcheck.metrics.plain_spelling import split_edges
from mmcheck.metrics.spoken_digits import (
    POINTED_ORDINALS,
    group_digits,
    say_digits,
    say_roman,
    write_ordinal,
    write_unit,
)
from mmcheck.metrics.spoken_numbers import MAX_NUMBER_WORDS, may_start_number, read_number, read_ordinal
from mmcheck.metrics.spoken_short import (
    MAX_EXPANSION,
    expand,
    match_case,
    shorten,
    spell_english,
    spell_hyphens,
    spell_letters,
)
from mmcheck.metrics.spoken_tables import CLOCK, CURRENCIES, SIGNS

FormKind = Literal["number", "other"]
MAX_FORMS = 4
"""Forms of one place. Our own choice: a year, a number, its digits and one more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FormSpan:
    """A place of a text that may be written otherwise."""

    start: int
    """Index of its first word."""
    stop: int
    """Index behind its last word."""
    forms: tuple[str, ...]
    """What else may stand there, marks included, the likeliest first; at least one and at most ``MAX_FORMS``, none of
    them what stands there."""
    kind: FormKind
    """Numbers in digits or words are told from all else, since recognisers write either by habit."""


def find_forms(words: Sequence[str], language: str | None) -> list[FormSpan]:
    """Return the places of a text that may be written otherwise, in order and without overlaps.

    Args:
        words: The text, split at spaces.
        language: Its code. Without one only what all languages share is found.
    """
    code = primary_code(language)
    spans: list[FormSpan] = []
    place = 0
    while place < len(words):
        span = _find_at(words, place, code)
        if span is not None:
            spans.append(span)
        place = place + 1 if span is None else span.stop
    return spans


def _find_at(words: Sequence[str], place: int, code: str) -> FormSpan | None:
    for stop, forms, kind in _candidates(words, place, code):
        given = " ".join(words[place:stop])
        other = tuple(dict.fromkeys(form for form in forms if form.strip() and form != given))[:MAX_FORMS]
        if other:
            return FormSpan(start=place, stop=stop, forms=other, kind=kind)
    return None


def _candidates(words: Sequence[str], place: int, code: str) -> Iterator[tuple[int, list[str], FormKind]]:
    """Yield what may begin at a place: where it stops, its forms and its kind; the most telling first."""
    before, core, after = split_edges(words[place])
    if core:
        yield from _number_words(words, place, code)
        yield from _short_forms(words, place, code)
        if any(char.isdigit() for char in core):
            stop = _find_stop(words, place, code)
            said = say_digits(core, code, has_point=after[:1] == ".")
            yield stop, _wrap(words[place:stop], said, place, code), "number"
        if code == "en" and (said := say_roman(core)):
            yield place + 1, [before + form + after for form in said], "number"
        yield place + 1, _other_spellings(before, core, after, code), "other"


def _find_stop(words: Sequence[str], place: int, code: str) -> int:
    """Return where a word with digits stops: a time holds the word "Uhr" that follows it."""
    if ":" in words[place] and place + 1 < len(words) and split_edges(words[place + 1])[1] == CLOCK.get(code):
        return place + 2
    return place + 1


def _wrap(words: Sequence[str], forms: Sequence[str], place: int, code: str) -> list[str]:
    """Return the forms with the marks of the words; brackets go, and so do points that belong to the digits."""
    before, after = split_edges(words[0])[0].strip("()[]"), split_edges(words[-1])[2].strip("()[]")
    cased = [form[:1].upper() + form[1:] if place == 0 else form for form in forms]
    if after[:1] == "." and (place == 0 or code in POINTED_ORDINALS):
        return [before + form + rest for form in cased for rest in (after[1:], after)]
    return [before + form + after for form in cased]


def _number_words(words: Sequence[str], place: int, code: str) -> Iterator[tuple[int, list[str], FormKind]]:
    """Yield the longest run of number words that begins at a place, in digits, with percent or money behind it."""
    if not may_start_number(split_edges(words[place])[1], code):
        return
    before = split_edges(words[place])[0]
    for stop in range(min(len(words), place + MAX_NUMBER_WORDS), place, -1):
        run = words[place:stop]
        # A mark between two numbers makes them two.
        if any(split_edges(word)[2] for word in run[:-1]):
            continue
        after = split_edges(run[-1])[2]
        if (digits := read_number(run, code)) is not None:
            unit_before, unit, unit_after = (
                split_edges(words[stop]) if stop < len(words) and not after else ("", "", "")
            )
            if not unit_before and (joined := write_unit(group_digits(digits, code), unit, code)):
                yield stop + 1, [before + joined + unit_after, f"{before}{digits} {words[stop]}"], "number"
            else:
                yield stop, [before + form + after for form in (group_digits(digits, code), digits)], "number"
            return
        if (ordinal := read_ordinal(run, code)) is not None:
            yield stop, [before + write_ordinal(ordinal, code) + after], "number"
            return


def _short_forms(words: Sequence[str], place: int, code: str) -> Iterator[tuple[int, list[str], FormKind]]:
    """Yield full forms that have short ones: "for example" for "e.g.", "do not" for "don't"."""
    before = split_edges(words[place])[0]
    for stop in range(min(len(words), place + MAX_EXPANSION), place, -1):
        parts = [split_edges(word) for word in words[place:stop]]
        if any(part[2] for part in parts[:-1]):
            continue
        short = shorten(" ".join(part[1].casefold() for part in parts), code)
        if short is not None:
            after = parts[-1][2].removeprefix(".") if short.endswith(".") else parts[-1][2]
            yield stop, [before + match_case(short, parts[0][1]) + after], "other"


def _other_spellings(before: str, core: str, after: str, code: str) -> list[str]:
    forms = []
    # The point of an abbreviation may be the sentence's as well.
    for short, kept in ((core + after[:1], after[1:]), (core, after)) if after[:1] == "." else ((core, after),):
        if full := expand(short, code):
            bare = core if short != core else f"{core}."
            forms += [before + form + kept for form in (full[0], bare, *full[1:])]
            break
    named = (SIGNS.get(code, {}).get(core), *CURRENCIES.get(code, {}).get(core, ())[:1])
    forms += [before + name + after for name in named if name]
    if not forms:
        forms += [before + form + after.removeprefix(".") for form in spell_letters(core)]
    if code == "en":
        forms += [before + form + after for form in spell_english(core)]
    return forms + [before + form + after for form in spell_hyphens(core)]
