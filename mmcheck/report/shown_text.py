"""Text from a manifest, made safe to look at.

Escaping keeps a caption from becoming markup; it does not keep a right-to-left override from turning a line round
or a zero-width character from hiding in an id. Such characters are cut out of the text and shown as visible marks
that name them. Long texts are cut, and the cut is said.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass

MAX_SHOWN_CHARS = 800
"""Characters of one caption or transcript that the page shows. Our own choice: the page stays readable."""
MAX_NAME_CHARS = 160
"""Characters of one id, path or code that the page shows. Our own choice: the page stays readable."""

# C0/C1 controls (tab and newline stay), soft hyphen, bidirectional controls, zero-width characters that join nothing,
# line/paragraph separators, surrogates, byte order mark, interlinear marks, noncharacters, invisible tag characters.
# U+200C and U+200D stay: Persian, Indic scripts and emoji need them.
_HIDDEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\xad\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ud800-\udfff"
    "\ufeff\ufff9-\ufffb\ufffe\uffff\U000e0000-\U000e007f]"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """A stretch of plain text, or one character that would not be visible."""

    text: str
    """What is shown: the text, or ``U+202E`` for a mark."""
    mark: str | None = None
    """For a mark: the character's Unicode name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownText:
    """A text as the page shows it."""

    pieces: tuple[Piece, ...]
    """The text in order, marks apart."""
    length: int
    """Characters of the whole text."""
    shown: int
    """Characters that are shown."""

    @property
    def is_cut(self) -> bool:
        """Return whether a part of the text is left out."""
        return self.shown < self.length

    @property
    def is_blank(self) -> bool:
        """Return whether there is nothing to see: an empty text, or white space only."""
        return not any(piece.mark or piece.text.strip() for piece in self.pieces)


def show_text(text: str, limit: int = MAX_SHOWN_CHARS) -> ShownText:
    """Return ``text`` cut at ``limit`` characters, with the invisible ones turned into marks."""
    head = text[:limit].replace("\r\n", "\n")
    pieces: list[Piece] = []
    end = 0
    for match in _HIDDEN.finditer(head):
        if match.start() > end:
            pieces.append(Piece(text=head[end : match.start()]))
        pieces.append(Piece(text=_code_point(match[0]), mark=unicodedata.name(match[0], "CONTROL CHARACTER")))
        end = match.end()
    if end < len(head):
        pieces.append(Piece(text=head[end:]))
    return ShownText(pieces=tuple(pieces), length=len(text), shown=min(limit, len(text)))


def show_plain(text: object, limit: int = MAX_NAME_CHARS) -> str:
    """Return ``text`` for places that hold no markup (labels, titles): one line, marks as ``<U+202E>``, middle cut."""
    line = " ".join(str(text).split()) if str(text).strip() else repr(str(text))
    line = _HIDDEN.sub(lambda match: f"<{_code_point(match[0])}>", line)
    if len(line) <= limit:
        return line
    half = (limit - 5) // 2
    return f"{line[:half]} ... {line[-half:]}"


def format_count(count: int) -> str:
    """Return a whole number with thousands apart: ``1,234``."""
    return f"{count:,}"


def format_value(value: float | None) -> str:
    """Return a measured number with four significant digits, whole numbers as such; "" if absent."""
    if value is None or value != value:
        return ""
    if abs(value) in (float("inf"),):
        return str(value)
    if value == int(value) and abs(value) < 1e15:
        return format_count(int(value))
    if 1e-4 <= abs(value) < 1e6:
        digits = f"{value:.4g}"
        return digits if "e" not in digits else format_count(round(value))
    return f"{value:.3g}"


def format_share(part: int, whole: int) -> str:
    """Return ``part`` of ``whole`` in per cent; a share that is neither nothing nor all never reads 0 % or 100 %."""
    if whole <= 0:
        return "0 %"
    percent = 100.0 * part / whole
    if 0 < percent < 0.1:
        return "< 0.1 %"
    if 99.9 < percent < 100:
        return "> 99.9 %"
    return f"{percent:.1f} %" if percent not in (0.0, 100.0) else f"{percent:.0f} %"


def format_bytes(count: int) -> str:
    """Return a size in bytes, KiB or MiB."""
    if count < 1024:
        return f"{count} bytes"
    if count < 1 << 20:
        return f"{count / 1024:.0f} KiB"
    return f"{count / (1 << 20):.1f} MiB"


def _code_point(character: str) -> str:
    return f"U+{ord(character):04X}"
