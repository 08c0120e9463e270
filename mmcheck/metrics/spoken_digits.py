"""What is said for a word with digits in it: numbers, years, times, money, percent, ordinals, Roman numerals."""

from __future__ import annotations

import re

from mmcheck.metrics.spoken_numbers import MAX_DIGITS, read_decimal, say_number, say_ordinal
from mmcheck.metrics.spoken_tables import CLOCK, CURRENCIES, ORDINAL_SUFFIXES, SIGNS

POINTED_ORDINALS = frozenset(code for code, suffixes in ORDINAL_SUFFIXES.items() if suffixes == (".",))
"""Languages that write an ordinal as digits and a point."""
_MAX_ORDINAL_DIGITS = 2
"""Digits of an ordinal that is read as one. Our own choice: days, centuries, floors."""
_GROUPED_FROM = 5
"""Digits from which English numbers are written in groups. Measured: Whisper base writes 1000 and 600,000."""
_CLOCK = re.compile(r"([0-2]?\d)([:h.])([0-5]\d)")
_ROMAN = re.compile(r"(?=[IVX]{2,})X{0,3}(?:IX|IV|V?I{0,3})")
_ROMAN_VALUES = {"I": 1, "V": 5, "X": 10}
"""Values of Roman numerals. Given by their definition."""


def say_digits(core: str, code: str, *, has_point: bool = False) -> list[str]:
    """Return what is said or written for a word with digits, the likeliest first; empty if it is no number.

    Args:
        core: The word without the marks around it.
        code: Primary code of the language.
        has_point: Whether a point follows, which makes it an ordinal in German and others.
    """
    for way in (_say_clock, _say_money, _say_share, _say_ordinal):
        if said := way(core, code):
            return said
    if core[:1] == "#" and (amount := read_decimal(core[1:], code)) is not None:
        return [f"{SIGNS.get(code, {}).get('#', '')} {amount}".strip()]
    amount = read_decimal(core, code)
    if amount is None:
        return []
    said = list(say_number(amount, code))
    if has_point and code in POINTED_ORDINALS and len(amount) <= _MAX_ORDINAL_DIGITS and amount.isdigit():
        said = [*_say_pointed(int(amount), code), *said]
    plain = [group_digits(amount, code), amount]
    return [*said[:2], *(form for form in plain if form != core), *said[2:]]


def group_digits(digits: str, code: str) -> str:
    """Return the digits of a whole number as a recogniser writes them: in groups in English, from five on.

    What begins with 0 is a code and no amount, and longer numbers than have a name are read digit by digit.
    """
    is_amount = digits.isdigit() and digits[0] != "0" and _GROUPED_FROM <= len(digits) <= MAX_DIGITS
    grouped = code == "en" and is_amount
    return f"{int(digits):,}" if grouped else digits


def write_ordinal(number: int, code: str) -> str:
    """Return an ordinal in digits, as the language writes it: "21st", "3.", "3º"."""
    if code == "en":
        return f"{number}{'th' if 10 < number % 100 < 14 else {1: 'st', 2: 'nd', 3: 'rd'}.get(number % 10, 'th')}"
    if code == "fr" and number == 1:
        return "1er"
    return f"{number}{ORDINAL_SUFFIXES.get(code, ('',))[0]}"


def write_unit(digits: str, unit: str, code: str) -> str | None:
    """Return a number with a spoken unit in short ("12%", "$5"); None if ``unit`` is neither percent nor money."""
    word = unit.casefold()
    if word and word == SIGNS.get(code, {}).get("%", "").casefold():
        return f"{digits}%"
    for sign, names in CURRENCIES.get(code, {}).items():
        if word in {name.casefold() for name in names}:
            return f"{sign}{digits}" if code == "en" else f"{digits} {sign}"
    return None


def say_roman(core: str) -> list[str]:
    """Return what is said in English for a Roman numeral of two letters or more; empty if it is none."""
    if not _ROMAN.fullmatch(core):
        return []
    values = [_ROMAN_VALUES[char] for char in core]
    number = sum(-value if value < behind else value for value, behind in zip(values, [*values[1:], 0], strict=True))
    return [*say_number(str(number), "en")[:1], f"the {say_ordinal(number, 'en')}", str(number)]


def _say_pointed(number: int, code: str) -> list[str]:
    said = say_ordinal(number, code)
    if said is None:
        return []
    # "Am dritten Mai": German ordinals mostly stand in an oblique case.
    return [f"{said}n", said] if code == "de" else [said]


def _say_clock(core: str, code: str) -> list[str]:
    found = _CLOCK.fullmatch(core)
    if found is None or found[2] == ".":
        return []
    hour, minute = (say_number(str(int(part)), code)[:1] for part in (found[1], found[3]))
    if not hour or not minute:
        return []
    middle = f" {CLOCK[code]} " if code in CLOCK else " "
    said = hour[0] if found[3] == "00" and code not in CLOCK else f"{hour[0]}{middle}{minute[0]}"
    return [said, f"{found[1]}{middle}{found[3]}", f"{found[1]}.{found[3]}", f"{found[1]}:{found[3]}"]


def _say_money(core: str, code: str) -> list[str]:
    for sign, names in CURRENCIES.get(code, {}).items():
        bare = core.removeprefix(sign).removesuffix(sign)
        amount = read_decimal(bare, code) if bare != core else None
        if amount is not None:
            name = names[1] if amount == "1" and len(names) > 1 else names[0]
            return [*(f"{way} {name}" for way in say_number(amount, code)[:2]), f"{bare} {name}"]
    return []


def _say_share(core: str, code: str) -> list[str]:
    for sign in ("%", "\u00b0"):
        name = SIGNS.get(code, {}).get(sign)
        amount = read_decimal(core[:-1], code) if name and core.endswith(sign) else None
        if amount is not None:
            return [*(f"{way} {name}" for way in say_number(amount, code)[:1]), f"{core[:-1]} {name}"]
    return []


def _say_ordinal(core: str, code: str) -> list[str]:
    for suffix in ORDINAL_SUFFIXES.get(code, ()):
        number = core.removesuffix(suffix)
        is_number = number != core and number.isascii() and number.isdigit() and len(number) <= _MAX_ORDINAL_DIGITS
        if suffix != "." and is_number and (said := say_ordinal(int(number), code)):
            return [said]
    return []
