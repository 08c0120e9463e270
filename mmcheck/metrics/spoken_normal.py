"""Written and spoken forms made one, so that "25" against "twenty-five" is no word error.

Numbers come out as digits, signs, units and abbreviations as words. English has Whisper's own rules for the numbers;
here it gets what they leave out. Two different numbers never become one, except that where ordinals are written with a
point ("3. Mai") they lose it.
"""

from __future__ import annotations

import functools
import re

from mmcheck.metrics.spoken_digits import POINTED_ORDINALS
from mmcheck.metrics.spoken_numbers import (
    MAX_NUMBER_WORDS,
    MAX_READ,
    NUMBER_LANGUAGES,
    NUMERAL_LANGUAGES,
    NUMERALS,
    fold_word,
    may_start_number,
    read_decimal,
    read_number,
    read_numerals,
    read_ordinal,
    say_number,
)
from mmcheck.metrics.spoken_tables import (
    ABBREVIATIONS,
    CLOCK,
    CURRENCIES,
    ORDINAL_SUFFIXES,
    SIGNS,
    UNMARKED,
)

_INITIALS = re.compile(r"(?<![^\W_])(?:[^\W\d_]\.){2,}")
_NUMBER = re.compile(r"(?<![\w.,])\d+(?:[.,\u00a0\u202f\u2009'\u2019]\d+)*(?![\w])")
_GROUPS = re.compile(r"(?<!\S)\d{1,3}(?: \d{3})+(?!\S)")
_RUN_OF_NUMERALS = re.compile(f"[{NUMERALS}]+")


def write_out(text: str, code: str) -> str:
    """Return lower-case text with signs, units, abbreviations and written numbers as the language says them.

    Args:
        text: Lower-case text, with its marks.
        code: Primary code of the language.
    """
    if code == "en":
        return _write_out_english(text)
    if code in NUMERAL_LANGUAGES:
        text = re.sub(r"(?<=\d),(?=\d{3})", "", text)
        text = re.sub(r"(?<![\d.])(\d++(?:\.\d++)?) ?[%\uff05]", "\u767e\u5206\u4e4b\\1", text)
        return re.sub(r"(?<=\d)\.(?=\d)", "\u70b9", text)
    if code not in NUMBER_LANGUAGES:
        return text
    if code in CLOCK:
        text = re.sub(rf"\b(\d{{1,2}})[:.]([0-5]\d) {CLOCK[code].lower()}\b", rf"\1 {CLOCK[code].lower()} \2", text)
    if code == "fr":
        text = re.sub(r"\b(\d{1,2}) ?h ?([0-5]\d)\b", r"\1 heures \2", text)
    for pattern, full in _abbreviations(code):
        text = pattern.sub(full, text)
    text = _INITIALS.sub(lambda found: found[0].replace(".", "") + " ", text)
    for sign, names in CURRENCIES.get(code, {}).items():
        low = re.escape(sign.lower())
        # What stands before its number is said behind it.
        edge = r"(?<!\w)" if sign[0].isalpha() else ""
        text = re.sub(rf"{edge}{low} ?(\d[\d.,]*\d|\d)", rf"\1 {names[0].lower()}", text)
        text = re.sub(rf"(?<=\d) ?{low}(?!\w)", f" {names[0].lower()}", text)
    for sign, said in SIGNS.get(code, {}).items():
        if sign not in "/@#":
            text = text.replace(sign, f" {said.lower()} ")
    text = _ordinal_pattern(code).sub(lambda found: found[1] + _ordinal_mark(code), text)
    return _NUMBER.sub(lambda found: _write_number(found[0], code), text)


def unify_numbers(text: str, code: str) -> str:
    """Return normalised text with its number words as digits.

    Args:
        text: Lower case, no marks, single spaces.
        code: Primary code of the language.
    """
    if code in NUMERAL_LANGUAGES:
        return _RUN_OF_NUMERALS.sub(lambda found: read_numerals(found[0]), text)
    if code not in NUMBER_LANGUAGES or code == "en":
        return text
    words = text.split()
    found: list[str] = []
    place = 0
    one = say_number("1", code)[:1]
    while place < len(words):
        stop, form = _read_run(words, place, code)
        # "One" is an article as well in most languages, so it stays a word, and the digit becomes it.
        found += one if form == "1" and words[place] == "1" else words[place:stop] if form in ("1", None) else [form]
        place = stop
    return _GROUPS.sub(lambda groups: groups[0].replace(" ", ""), " ".join(found))


def _read_run(words: list[str], place: int, code: str) -> tuple[int, str | None]:
    """Return where the longest number that begins at a place stops, and its digits; the next place and None if none."""
    if words[place] == "1":
        return place + 1, "1"
    if may_start_number(words[place], code):
        for stop in range(min(len(words), place + MAX_NUMBER_WORDS), place, -1):
            run = words[place:stop]
            if any(word.isdigit() for word in run):
                continue
            if (digits := read_number(run, code)) is not None:
                return stop, digits
            if (ordinal := read_ordinal(run, code)) is not None:
                return stop, f"{ordinal}{_ordinal_mark(code)}"
    return place + 1, None


def _write_number(written: str, code: str) -> str:
    number = read_decimal(written, code) if len(written) <= MAX_READ else None
    if number is None:
        return written
    whole, _, decimals = number.partition(".")
    said = say_number(f"0.{decimals}", code)[:1] if decimals else ()
    # "28,8" is said "28 komma 8", each decimal by itself.
    return f"{whole} {said[0].split()[1]} {' '.join(decimals)}" if said else whole


def _write_out_english(text: str) -> str:
    text = re.sub(r"(\b\d{1,2}):([0-5]\d)\b", r"\1\2", text)
    text = _INITIALS.sub(lambda found: found[0].replace(".", "") + " ", text)
    text = re.sub(r"\u00b0 ?c\b", " degrees celsius ", text)
    text = re.sub(r"\u00b0 ?f\b", " degrees fahrenheit ", text)
    for sign in "&=\u00d7\u00f7\u00b0@":
        text = text.replace(sign, f" {SIGNS['en'][sign]} ")
    return _UNMARKED.sub(lambda found: UNMARKED.get(found[0], "okay").lower(), text)


_UNMARKED = re.compile(r"(?<![\w'])(?:" + "|".join((*UNMARKED, "ok")) + r")(?![\w'])")


@functools.cache
def _abbreviations(code: str) -> tuple[tuple[re.Pattern[str], str], ...]:
    """Return patterns of abbreviations with a point, the longest first, and what they stand for."""
    found = []
    for short, full in sorted(ABBREVIATIONS.get(code, {}).items(), key=lambda entry: -len(entry[0])):
        if len(short.strip(".")) < 2 and short not in ("\u0433.",):
            # "d." or "s." ends too many sentences.
            continue
        pattern = r"\.? ?".join(re.escape(part) for part in short.rstrip(".").split("."))
        end = r"\." if short.endswith(".") else r"(?!\w)"
        found.append((re.compile(rf"(?<!\w){pattern}{end}"), f" {full[0].lower()} "))
    return tuple(found)


@functools.cache
def _ordinal_pattern(code: str) -> re.Pattern[str]:
    suffixes = [re.escape(suffix) for suffix in ORDINAL_SUFFIXES.get(code, ()) if suffix != "."]
    return re.compile(rf"\b(\d{{1,2}})(?:{'|'.join(sorted(suffixes, key=len, reverse=True)) or '(?!)'})(?!\w)")


def _ordinal_mark(code: str) -> str:
    """Return the letters that an ordinal has behind its digits: none in languages that write a point."""
    return "" if code in POINTED_ORDINALS else fold_word(ORDINAL_SUFFIXES.get(code, ("",))[0])
