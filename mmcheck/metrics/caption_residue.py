"""What is left in a caption that no person wrote for it: file names, markup, addresses."""

from __future__ import annotations

import html
import re

_EXTENSION = r"\.(?:jpe?g|png|gif|webp|bmp|tiff?|avif|heic|svg|psd|raw|cr2|nef|arw|dng|mp4|mov|avi|pdf|wav|mp3|flac)"
_FILE_NAME = re.compile(rf"^[^\s/\\]+{_EXTENSION}$", re.IGNORECASE)
_FILE_NAME_SPACED = re.compile(rf"^[^/\\]+{_EXTENSION}$", re.IGNORECASE)
_FILE_NAME_INSIDE = re.compile(rf"\S+{_EXTENSION}\b", re.IGNORECASE)
_PATH = re.compile(r"^(?:[A-Za-z]:)?(?:[^\s/\\]*[/\\]){2,}\S*$")
# Names that cameras, phones, scanners and programs give.
_CAMERA = re.compile(
    r"^(?:(?:_?(?:IMG|IMAG|DSC[NF]?|DCIM|PXL|GOPR|MVI|VID|SAM|CIMG|HPIM|KIMG|PANO|SCAN|DJI|WIN|FB_IMG|received|"
    r"signal|photo|image|img|pic|picture|screen ?shot|untitled|unnamed|file|download|scan|whatsapp image)"
    r"[-_ ]*\(?\d|[PSR]\d{5})[\d\-_. :()~at]*(?:[ap]m)?[-_]?(?:edited|copy|hdr|burst|mp|wa\d+|\d+)*\)?)$",
    re.IGNORECASE,
)
_HASH = re.compile(r"^(?:[0-9a-f]{16,}|[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12})$", re.IGNORECASE)
_DIGITS = re.compile(r"^[\d\-_. x]*\d[\d\-_. x]*$", re.IGNORECASE)
_ID = re.compile(r"^(?=[A-Za-z_\-]*\d)[A-Za-z0-9_\-]{11,}$")
_SNAKE = re.compile(r"^[^\W_]+(?:_[^\W_]+)+$")
_KEBAB = re.compile(r"^[^\W_]+(?:-[^\W_]+){2,}$")

_URL = re.compile(r"(?:https?://|ftp://|www\.)[^\s<>\"']+", re.IGNORECASE)
_BARE_DOMAIN = re.compile(
    r"(?<![\w@.-])[a-z0-9][a-z0-9-]{0,62}\.(?:com|org|net|co\.uk|info|biz|io|de|fr)(?:/[^\s<>]*)?\b", re.IGNORECASE
)
_TAG = re.compile(r"</?[A-Za-z][^<>]{0,500}>|<!--.{0,500}?-->|<!\[CDATA\[", re.DOTALL)
_ENTITY = re.compile(r"&(?:[A-Za-z][A-Za-z0-9]{1,30}|#\d{1,7}|#x[0-9A-Fa-f]{1,6});")
_MARKDOWN = re.compile(
    r"!?\[[^\[\]]{0,300}\]\([^()\s]{1,500}\)|\[\[[^\[\]]{1,300}\]\]|\{\{[^{}]{1,300}\}\}|'''|\*\*|`{1,3}"
)
_EMAIL = re.compile(r"[\w.+-]{1,64}@[\w-]{1,64}(?:\.[\w-]{1,64}){1,5}")


def filename_likeness(text: str) -> float:
    """Return how much ``text`` looks like a file name or an id instead of a description, 0 to 1.

    The strongest sign counts: a whole caption that ends in a media suffix, a camera's or program's name with a number,
    a hash or UUID 1.0; a name with blanks and a suffix, a path 0.95; digits only 0.9; one word of mixed letters and
    digits of 11 characters or more 0.8; ``words_joined_so`` 0.7 (0.9 with digits); ``words-joined-so`` 0.5 (0.7 with
    digits). A file name inside a sentence counts by its share of the characters.
    """
    text = text.strip()
    if not text or len(text) > 1000:
        return 0.0
    if _FILE_NAME.match(text) or _CAMERA.match(text) or _HASH.match(text):
        return 1.0
    if _FILE_NAME_SPACED.match(text) or (_PATH.match(text) and not _URL.match(text)):
        return 0.95
    if _DIGITS.match(text):
        return 0.9
    has_digits = any(char.isdigit() for char in text)
    if _SNAKE.match(text):
        return 0.9 if has_digits else 0.7
    if _KEBAB.match(text):
        return 0.7 if has_digits else 0.5
    if _ID.match(text):
        return 0.8
    covered = sum(len(found.group()) for found in _FILE_NAME_INSIDE.finditer(_URL.sub(" ", text)))
    return min(0.9, covered / len(text))


def count_urls(text: str) -> int:
    """Return the number of web addresses in ``text`` (with scheme, with ``www.``, or a bare common domain)."""
    rest, count = _URL.subn(" ", text)
    return count + len(_BARE_DOMAIN.findall(rest))


def markup_ratio(text: str) -> float:
    """Return the share of characters that belong to markup, entities or addresses, 0 to 1; 0 for empty text."""
    stripped = text.strip()
    if not stripped:
        return 0.0
    rest = stripped
    for pattern in (_TAG, _URL, _EMAIL, _MARKDOWN, _ENTITY, _BARE_DOMAIN):
        rest = pattern.sub("", rest)
    return max(0.0, 1.0 - len(rest) / len(stripped))


def has_entities(text: str) -> bool:
    """Return whether ``text`` holds HTML entities that a browser would show as other characters."""
    return bool(_ENTITY.search(text)) and html.unescape(text) != text
