"""Characters that nobody sees, and the mark of bytes that could not be read.

What looks the same to a person is another text to a trainer: "sum\u00admer" with a soft hyphen is three tokens that no
model has met. Some invisible characters belong to the script, and those are left alone: joiners in Persian, Indic
scripts and emoji, the word breaks of Thai and Khmer, direction marks beside right-to-left letters.
"""

from __future__ import annotations

import re
import unicodedata

_NAMES = {
    "\u00ad": "soft hyphen",
    "\u200b": "zero-width space",
    "\u200c": "zero-width non-joiner",
    "\u200d": "zero-width joiner",
    "\u200e": "left-to-right mark",
    "\u200f": "right-to-left mark",
    "\u2060": "word joiner",
    "\ufeff": "byte order mark",
    "\x00": "NUL",
}
_JOINERS = frozenset("\u200c\u200d")
_DIRECTION = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
_WORD_BREAK = "\u200b"
_TAGS = range(0xE0020, 0xE0080)
"""Code points that spell the flags of regions after a black flag. Given by Unicode (UTS 51)."""
# First letters and last of the scripts that are written with joiners: Arabic to Thaana, Indic, Tibetan, Mongolian.
_JOINED = re.compile("[\u0600-\u07ff\u0860-\u08ff\u0900-\u0dff\u0f00-\u109f\u1780-\u18af\ufb50-\ufdff\ufe70-\ufefc]")
_UNSPACED = re.compile("[\u0e00-\u0eff\u0f00-\u109f\u1780-\u17ff\u19e0-\u19ff\u1a20-\u1aaf\ua9e0-\ua9ff\uaa60-\uaa7f]")
_RIGHT_TO_LEFT = re.compile("[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc]")
_BROKEN = "\ufffd"


def find_invisible(text: str) -> list[int]:
    """Return the places of the invisible characters of ``text`` that do not belong to its script, ascending."""
    if text.isascii() and text.isprintable():
        return []
    is_right_to_left = bool(_RIGHT_TO_LEFT.search(text))
    return [
        place
        for place, char in enumerate(text)
        if _is_hidden(char) and not _belongs(text, place, char, is_right_to_left=is_right_to_left)
    ]


def remove_invisible(text: str) -> str:
    """Return ``text`` without the characters that ``find_invisible`` finds."""
    places = set(find_invisible(text))
    return "".join(char for place, char in enumerate(text) if place not in places) if places else text


def count_broken(text: str) -> int:
    """Return how many replacement characters stand in ``text``: bytes that an earlier reader could not decode."""
    return text.count(_BROKEN)


def name_character(char: str) -> str:
    """Return code point and name of a character, as a person would look it up."""
    name = _NAMES.get(char) or unicodedata.name(char, "control character").lower()
    return f"U+{ord(char):04X} {name}"


def _is_hidden(char: str) -> bool:
    if char < "\x80":
        return (char < " " and char not in "\t\n\r") or char == "\x7f"
    return unicodedata.category(char) == "Cf" or ("\x80" <= char <= "\x9f" and char != "\x85")


def _belongs(text: str, place: int, char: str, *, is_right_to_left: bool) -> bool:
    if char in _DIRECTION:
        return is_right_to_left
    before, after = text[place - 1 : place], text[place + 1 : place + 2]
    if char in _JOINERS:
        return bool(_JOINED.match(before)) or _is_pictograph(before) or (char == "\u200d" and _is_pictograph(after))
    if char == _WORD_BREAK:
        return bool(_UNSPACED.match(before) or _UNSPACED.match(after))
    # Signs of Arabic numbering and the like are shown, although Unicode calls them format characters.
    return ord(char) in _TAGS or bool(_JOINED.match(char))


def _is_pictograph(char: str) -> bool:
    return bool(char) and (unicodedata.category(char) in ("So", "Sk") or char == "\ufe0f")
