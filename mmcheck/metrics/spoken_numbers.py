# ruff: noqa: RUF001 (number words of many scripts)
"""Numbers in digits and the words that are said for them, by language.

The words come from num2words. It knows the way from digits to words only; the way back is a table of what it says for
the numbers that people speak, looked up without spaces, hyphens and accents, so that "vingt-et-un" and "vingt et un"
are one. Chinese and Japanese numerals, which num2words lacks or which have no spaces to look between, are read here.
"""

from __future__ import annotations

import functools
import re
import unicodedata
from collections.abc import Mapping, Sequence
from decimal import Decimal, InvalidOperation

NUMBER_LANGUAGES = frozenset("ca cs da de en es fi fr hu id it nl no pl pt ro ru sv uk vi".split())
"""Languages whose number words are known. Our own choice: what num2words has in scripts with spaces, less those for
which it gives one spelling of several that are usual (Serbian, Arabic) or no spaces (Turkish, Slovak)."""
NUMERAL_LANGUAGES = frozenset({"zh", "yue", "cmn", "wuu", "ja"})
"""Languages that write numbers in Chinese numerals."""

_MAX_TABLE = 2100
"""Every number below it stands in the table, and round ones above. Our own choice: years and all that is said in one
breath; the table takes 0.2 s."""
MAX_DIGITS = 15
"""Longer numbers are read digit by digit. Our own choice: beyond billions nobody names them."""
MAX_READ = 200
"""Longer numbers are left as they stand. Our own choice: nobody reads them out, and big integers take time."""
_MIN_BY_DIGIT = 3
"""Shorter numbers are hardly ever read digit by digit. Our own choice."""
_MAX_ORDINAL = 100
"""Ordinals below it stand in the table. Our own choice: days, centuries, floors."""
MAX_NUMBER_WORDS = 10
"""Words that one number may have. Our own choice: 999,999 in English has nine."""
_POINTS = {
    "ca": "coma", "cs": "celá", "da": "komma", "de": "komma", "en": "point", "es": "coma", "fi": "pilkku",
    "fr": "virgule", "hu": "egész", "id": "koma", "it": "virgola", "nl": "komma", "no": "komma", "pl": "przecinek",
    "pt": "vírgula", "ro": "virgulă", "ru": "запятая", "sv": "komma", "uk": "кома",
}  # fmt: skip
_ENDINGS = {
    "ca": ("", "a"), "es": ("o", "a"), "it": ("o", "a"), "pt": ("o", "a"), "de": ("e", "en", "er", "es", "em"),
    "ru": ("ый", "ого", "ая", "ое", "ом", "ой", "ую", "ому", "ым", "ые", "ых"),
}  # fmt: skip
"""The ordinal's ending in num2words first, then the others that it may have, which are looked up as well."""
_DIGITS = {
    "零": 0,
    "〇": 0,
    "一": 1,
    "二": 2,
    "两": 2,
    "兩": 2,
    "三": 3,
    "四": 4,
    "五": 5,
    "六": 6,
    "七": 7,
    "八": 8,
    "九": 9,
}
"""Values of numerals. Given by the script."""
_TENS = {"十": 10, "百": 100, "千": 1000}
"""Values of numerals. Given by the script."""
_MYRIADS = {"万": 10**4, "萬": 10**4, "亿": 10**8, "億": 10**8}
"""Values of numerals. Given by the script."""
NUMERALS = "".join((*_DIGITS, *_TENS, *_MYRIADS))
"""Characters of Chinese numerals."""


@functools.lru_cache(maxsize=65536)
def fold_word(text: str) -> str:
    """Return the letters and digits of ``text`` alone: lower case, no accents, spaces or marks.

    Vowel signs of Indic and other scripts are no accents and stay.
    """
    plain = unicodedata.normalize("NFKD", text.casefold())
    return "".join(
        char
        for char in plain
        if char.isalnum() or (unicodedata.category(char)[0] == "M" and not "\u0300" <= char <= "\u036f")
    )


@functools.lru_cache(maxsize=4096)
def say_number(digits: str, language: str) -> tuple[str, ...]:
    """Return how a number is said, the likeliest way first; empty where the language is not known.

    Years are also said in hundreds ("nineteen eighty-four"), and long numbers digit by digit.

    Args:
        digits: ``0`` to ``9``, at least one, perhaps with one decimal point.
        language: Primary code.
    """
    if language not in NUMBER_LANGUAGES or len(digits) > MAX_READ or not re.fullmatch(r"[0-9]+(\.[0-9]+)?", digits):
        return ()
    whole, _, decimals = digits.partition(".")
    ways: list[str] = []
    if decimals:
        point = _POINTS.get(language)
        if point is None or len(whole) > MAX_DIGITS:
            return ()
        by_digit = " ".join(_cardinal(int(digit), language) for digit in decimals)
        ways.append(f"{_cardinal(int(whole), language)} {point} {by_digit}")
    else:
        if len(whole) <= MAX_DIGITS and (whole == "0" or whole[0] != "0"):
            number = int(whole)
            ways.append(_cardinal(number, language))
            if 1100 <= number < _MAX_TABLE and (year := _year(number, language)):
                ways.insert(0 if language == "en" else 1, year)
            if language == "en":
                ways.append(ways[-1].replace(" and ", " "))
        if _MIN_BY_DIGIT <= len(whole) <= MAX_DIGITS or (whole[0] == "0" and len(whole) > 1):
            ways.append(" ".join(_cardinal(int(digit), language) for digit in whole))
    return tuple(dict.fromkeys(way for way in ways if way))


@functools.lru_cache(maxsize=1024)
def say_ordinal(number: int, language: str) -> str | None:
    """Return the ordinal of a number ("twenty-first"); None where it is not known."""
    if language not in NUMBER_LANGUAGES or not 0 < number < _MAX_ORDINAL:
        return None
    return _call(number, language, "ordinal")


def read_number(words: Sequence[str], language: str) -> str | None:
    """Return the digits of a number that ``words`` spell, None if they do not spell one.

    Args:
        words: At least one; marks and hyphens in them do not count.
        language: Primary code.
    """
    if language not in NUMBER_LANGUAGES:
        return None
    return _cardinals(language).get("".join(map(fold_word, words)))


def read_ordinal(words: Sequence[str], language: str) -> int | None:
    """Return the number whose ordinal ``words`` spell, None if they do not spell one."""
    if language not in NUMBER_LANGUAGES:
        return None
    return _ordinals(language).get("".join(map(fold_word, words)))


def may_start_number(word: str, language: str) -> bool:
    """Return whether a number or an ordinal may begin with this word; quick, for the search of runs."""
    return language in NUMBER_LANGUAGES and fold_word(word)[:3] in _beginnings(language)


def read_numerals(text: str) -> str:
    """Return the digits of a run of Chinese numerals: "二十五" is 25, "一九八四" is 1984; a very long one as it is.

    Args:
        text: Characters of ``NUMERALS``, at least one.
    """
    if len(text) > MAX_READ:
        return text
    if all(char in _DIGITS for char in text):
        return "".join(str(_DIGITS[char]) for char in text)
    total = section = digit = 0
    for char in text:
        if char in _DIGITS:
            digit = _DIGITS[char]
        elif char in _TENS:
            section, digit = section + (digit or 1) * _TENS[char], 0
        else:
            total, section, digit = (total + section + digit or 1) * _MYRIADS[char], 0, 0
    return str(total + section + digit)


def write_numerals(digits: str) -> str:
    """Return a number below 100 million in Chinese numerals; a longer one, or one with a leading 0, by digit."""
    units = "零一二三四五六七八九"
    if len(digits) > 8 or (digits[0] == "0" and digits != "0"):
        return "".join(units[int(digit)] for digit in digits)
    if digits == "0":
        return "零"
    number = int(digits)
    if number >= 10**4:
        rest = number % 10**4
        gap = "零" if 0 < rest < 1000 else ""
        return write_numerals(str(number // 10**4)) + "万" + gap + (write_numerals(str(rest)) if rest else "")
    said, is_gap = "", False
    for unit, name in ((1000, "千"), (100, "百"), (10, "十"), (1, "")):
        digit = number // unit % 10
        if digit:
            said += ("零" if is_gap and said else "") + units[digit] + name
        is_gap = not digit
    return said[1:] if said.startswith("一十") else said


def _cardinal(number: int, language: str) -> str:
    return _call(number, language, "cardinal") or ""


def _year(number: int, language: str) -> str | None:
    return _call(number, language, "year")


def _call(number: int, language: str, kind: str) -> str | None:
    from num2words import num2words

    try:
        said = str(num2words(number, lang=language, to=kind)).replace(",", "")
    except (NotImplementedError, ValueError, OverflowError, TypeError, KeyError, IndexError, AttributeError):
        return None
    # Finnish and others take soft hyphens between the parts.
    return " ".join(said.replace("\u00ad", "").split())


@functools.cache
def _cardinals(language: str) -> Mapping[str, str]:
    """Return folded words -> digits."""
    table: dict[str, str] = {}
    numbers = [
        *range(_MAX_TABLE),
        *(hundreds * 100 for hundreds in range(21, 100)),
        *(thousands * 1000 for thousands in range(3, 1000)),
        *(millions * 10**6 for millions in range(1, 100)),
    ]
    for number in numbers:
        said = [_cardinal(number, language)]
        if 1100 <= number < _MAX_TABLE:
            said.append(_year(number, language) or "")
        if language == "pt":
            said.append(_cardinal(number, "pt_BR"))
        if language == "en":
            said += [said[0].replace(" and ", " "), re.sub(r"^one (hundred|thousand)", r"a \1", said[0])]
        if language == "de":
            said.append(re.sub(r"^ein(hundert|tausend)", r"\1", said[0]))
        if language == "ru":
            said.append(re.sub(r"^одна (тысяча)", r"\1", said[0]))
        for way in said:
            # Years come after: "eighteen hundred" is 1800 either way, and no year takes another number's words.
            table.setdefault(fold_word(way), str(number))
    table.pop("", None)
    return table


@functools.cache
def _ordinals(language: str) -> Mapping[str, int]:
    table: dict[str, int] = {}
    for number in range(1, _MAX_ORDINAL):
        said = fold_word(say_ordinal(number, language) or "")
        usual, *others = _ENDINGS.get(language, ("",))
        for ending in ("", *others) if not usual else (usual, *others):
            stem = said.removesuffix(fold_word(usual)) if said.endswith(fold_word(usual)) else said
            table.setdefault(stem + fold_word(ending), number)
        table.setdefault(said, number)
    table.pop("", None)
    return {word: number for word, number in table.items() if word not in _cardinals(language)}


@functools.cache
def _beginnings(language: str) -> frozenset[str]:
    return frozenset(word[:3] for table in (_cardinals(language), _ordinals(language)) for word in table)


def read_decimal(text: str, language: str) -> str | None:
    """Return a number as people write it ("90,000", "28.8", "3,5") with a decimal point alone; None if it is none.

    Groups of three digits after a comma, point, apostrophe or narrow space are thousands; one comma or point before
    any other number of digits is the decimal point.
    """
    plain = re.sub(r"(?<=\d)[\u00a0\u202f\u2009'\u2019](?=\d{3}(?!\d))", "", text)
    if re.fullmatch(r"[0-9]+", plain):
        return plain
    usual, other = (",", ".") if language in ("en", "zh", "ja", "ko", "th") else (".", ",")
    if re.fullmatch(rf"[0-9]{{1,3}}(?:\{usual}[0-9]{{3}})+(?:\{other}[0-9]+)?", plain):
        return plain.replace(usual, "").replace(other, ".")
    if re.fullmatch(r"[0-9]{1,3}(?:([,.])[0-9]{3})(?:\1[0-9]{3})+", plain):
        return plain.replace(",", "").replace(".", "")
    if re.fullmatch(rf"[0-9]+[{usual}{other}][0-9]+", plain):
        try:
            Decimal(plain.replace(",", "."))
        except InvalidOperation:
            return None
        return plain.replace(",", ".")
    return None
