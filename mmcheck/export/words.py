"""What an export says of itself, in sentences."""

from __future__ import annotations

from collections.abc import Mapping

from mmcheck.core.sentences import count_noun

_DONE = {
    "cut": ("segment or channel was cut", "segments and channels were cut", "into a file of its own, as WAV"),
    "unpacked": ("medium was unpacked", "media were unpacked", "from an archive, a table or a text into a file"),
    "converted": (
        "medium was converted",
        "media were converted",
        "to PNG or WAV, since the readers of this format take no others",
    ),
}


def tell_done(done: Mapping[str, int]) -> list[str]:
    """Return what was done with media beyond naming or copying them, a sentence each."""
    told = []
    for word, (one, several, how) in _DONE.items():
        if count := done.get(word, 0):
            told.append(f"{count_noun(count, one, several)} {how}.")
    return told


def tell_further(rows: int, format: str) -> str:
    """Return that only the first medium of rows with several was written."""
    told = count_noun(rows, "row has", "rows have")
    return f"{told} further media; {format} takes one a row, so only the first was written."


def tell_bytes(count: int) -> str:
    """Return a number of bytes for people: ``512 B``, ``3.4 MB``."""
    size, unit = float(count), "B"
    for unit in ("B", "kB", "MB", "GB", "TB"):
        if size < 1000 or unit == "TB":
            break
        size /= 1000
    return f"{size:.0f} {unit}" if unit == "B" else f"{size:.1f} {unit}"
