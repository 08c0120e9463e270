"""Cues of subtitles (SubRip ``.srt``, WebVTT ``.vtt``): when each is shown, and what it says without its markup."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from dataclasses import dataclass

_TIME = r"(?:(\d{1,4}):)?(\d{1,2}):(\d{1,2})[.,](\d{1,3})"
_TIMING = re.compile(rf"^\s*{_TIME}\s*-->\s*{_TIME}(?:\s.*)?$")
_MARKUP = re.compile(r"</?[a-zA-Z][^<>]*>|<\d[\d:.]*>|\{\\[^{}]*\}")
"""Tags of both kinds, time stamps inside a cue, and SubStation's overrides, which are found in ``.srt`` as well."""
_SPEAKER = re.compile(r"^<v(?:\.[^ >]*)?\s+([^>]+)>")


@dataclass(frozen=True, slots=True, kw_only=True)
class Cue:
    """One block of a file of subtitles."""

    line: int
    """1-based line of its timing."""
    block: str
    """The block as it is written, its number or name included."""
    start: float
    """Seconds."""
    end: float
    """Seconds."""
    text: str
    """What it says, on one line."""
    speaker: str | None = None
    """Who says it, where a voice tag tells."""
    fault: str | None = None
    """What is wrong with it, as half a sentence."""


def read_cues(text: str) -> Iterator[Cue | str]:
    """Yield the blocks of subtitles in order: cues, and what is no cue (header, notes, styles) as it is written.

    Blocks are parted by blank lines; a text that has one inside is a cue and a block of its own, as players take it.
    """
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    at = 0
    while at < len(lines):
        if not lines[at].strip():
            at += 1
            continue
        end = at
        while end < len(lines) and lines[end].strip():
            end += 1
        yield _block(lines[at:end], at + 1)
        at = end


def spoken(text: str) -> str:
    """Return what a cue says: without markup, entities as characters, on one line."""
    return " ".join(html.unescape(_MARKUP.sub("", text)).split())


def with_cue_text(block: str, text: str) -> str | None:
    """Return the block of a cue with another text; its number, times and speaker stay.

    None if it is no cue, or the text would be read otherwise than it stands: as several lines, as markup, as times.
    """
    lines = block.split("\n")
    number = next((n for n, line in enumerate(lines[:2]) if _TIMING.match(line)), None)
    if number is None:
        return None
    voice = _SPEAKER.match("\n".join(lines[number + 1 :]))
    body = html.escape(text, quote=False)
    if spoken(body) != text or not text:
        return None
    return "\n".join((*lines[: number + 1], f"{voice.group() if voice else ''}{body}"))


def _block(lines: list[str], first: int) -> Cue | str:
    block = "\n".join(lines)
    found = next(((n, match) for n, line in enumerate(lines[:2]) if (match := _TIMING.match(line))), None)
    if found is None:
        # An arrow in the timing's place that tells no times is a cue that lost them.
        broken = next((n for n, line in enumerate(lines[:2]) if "-->" in line), None)
        if broken is None or lines[0].startswith(("NOTE", "STYLE", "REGION", "WEBVTT")):
            return block
        fault = f"has no times that can be read: {lines[broken].strip()[:60]!r}"
        return Cue(line=first + broken, block=block, start=0.0, end=0.0, text="", fault=fault)
    number, match = found
    groups = match.groups()
    start, end = _seconds(groups[:4]), _seconds(groups[4:])
    body = "\n".join(lines[number + 1 :])
    voice = _SPEAKER.match(body)
    return Cue(
        line=first + number,
        block=block,
        start=start,
        end=end,
        text=spoken(body),
        speaker=voice.group(1).strip() if voice else None,
        fault=None if end > start else f"ends ({end:g} s) before it begins ({start:g} s)",
    )


def _seconds(groups: tuple[str | None, ...]) -> float:
    hours, minutes, seconds, fraction = groups
    whole = int(hours or 0) * 3600 + int(minutes or 0) * 60 + int(seconds or 0)
    return whole + int((fraction or "0").ljust(3, "0")) / 1000
