"""In which order texts may have stood when they were put beside media: as they stand, reversed, sorted by something.

People join a folder listing with a file of captions. The listing is sorted by name as text (1, 10, 11, 2) where the
captions follow the numbers, or the other way round; one of the two is sorted by date, size or id. Whatever the manifest
still tells of each row can be such a key, and each key gives two arrangements: texts in its order and media not, or
media in its order and texts not. Which of them holds is for the scores to say.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from mmcheck.core.arrays import Floats32, Rows
from mmcheck.repair.constants import WINDOW, WINDOW_MIN_GAIN
from mmcheck.repair.evidence import Null
from mmcheck.repair.scores import PairScores

_MAX_WINDOWS = 64  # windows of a file that are looked at; our own choice: bounds time
_DIGITS = re.compile(r"(\d+)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrangement:
    """One way to put the media and texts of a file beside each other."""

    told: str
    """Half a sentence: what order the texts stand in; "" for the file as it stands."""
    kind: str
    """``shift`` (as it stands), ``reversed`` or ``resorted``."""
    media: Rows
    """Row of the medium at each place, shape (n,)."""
    texts: Rows
    """Row of the text at each place, shape (n,)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Support:
    """How much of a file an arrangement explains, by windows of a few places."""

    share: float
    """Share of the windows in which media and texts, perhaps a few places apart, fit."""
    scores: Floats32
    """Scores of the pairs in these windows, NaN left out."""


def natural_key(text: str) -> tuple[tuple[int, int, str, str], ...]:
    """Return a sort key that puts numbers in their own order: 2 before 10."""
    parts = _DIGITS.split(text.casefold())
    # By length and digits instead of as numbers: a text may hold more digits than Python turns into one.
    plain = [part.lstrip("0") if number % 2 else part for number, part in enumerate(parts)]
    return tuple(
        (0, len(plain[number]), plain[number], "") if number % 2 else (1, 0, "", part)
        for number, part in enumerate(parts)
        if part
    )


def list_arrangements(rows: Rows, keys: Mapping[str, Sequence[str | None]]) -> list[Arrangement]:
    """Return the arrangements of one file, as it stands first, none twice.

    Args:
        rows: The file's rows in their order, shape (n,).
        keys: Name -> value of each row, as text; None where a row has none.
    """
    found = [
        Arrangement(told="", kind="shift", media=rows, texts=rows),
        Arrangement(told="the texts are in reverse order", kind="reversed", media=rows, texts=rows[::-1]),
    ]
    seen = {found[0].texts.tobytes(), found[1].texts.tobytes()}
    for name, values in keys.items():
        for told, order in _orders(name, values):
            for direction, places in (("", order), (", backwards", order[::-1])):
                # Texts in the key's order: the medium that is first by the key belongs to the first text.
                rank = np.empty(len(order), dtype=np.int64)
                rank[places] = np.arange(len(order))
                for texts, sides in ((rows[rank], ("texts", "media")), (rows[places], ("media", "texts"))):
                    if texts.tobytes() in seen:
                        continue
                    seen.add(texts.tobytes())
                    sentence = f"the {sides[0]} are in the order of {told}{direction}, the {sides[1]} are not"
                    if sides[0] == "texts":
                        arrangement = Arrangement(told=sentence, kind="resorted", media=rows[places], texts=rows)
                    else:
                        arrangement = Arrangement(told=sentence, kind="resorted", media=rows, texts=texts)
                    found.append(arrangement)
    return found


def _orders(name: str, values: Sequence[str | None]) -> list[tuple[str, Rows]]:
    if len({value for value in values if value is not None}) < max(2, 0.5 * len(values)):
        return []  # many ties leave the order open
    filled = ["" if value is None else value for value in values]
    kinds = (
        (f"{name}, numbers as numbers (2 before 10)", [natural_key(value) for value in filled]),
        (f"{name}, as text (10 before 2)", filled),
        (f"{name}, as text in lower case", [value.casefold() for value in filled]),
    )
    return [(told, np.array(sorted(range(len(filled)), key=keys.__getitem__), dtype=np.int64)) for told, keys in kinds]


def support(scores: PairScores, null: Null, arrangement: Arrangement, reach: int) -> Support:
    """Return how much of a file an arrangement explains.

    Args:
        scores: Scores of the run.
        null: Scores of random pairings.
        arrangement: What stands beside what.
        reach: Texts may stand so many places before or after their media.
    """
    count = len(arrangement.media)
    width = min(WINDOW, count)
    starts = np.unique(np.linspace(0, count - width, min(_MAX_WINDOWS, -(-count // width))).astype(np.int64))
    good = 0
    parts: list[Floats32] = [np.zeros(0, dtype=np.float32)]
    for start in starts.tolist():
        band = score_band(scores, arrangement, start, start + width, reach)
        standard = null.standardise(band)
        known = np.isfinite(standard)
        enough = known.sum(axis=0) >= max(3, width // 3)
        mean = np.where(enough, np.where(known, standard, 0).sum(axis=0) / np.maximum(known.sum(axis=0), 1), -np.inf)
        best = int(np.argmax(mean))
        if mean[best] >= WINDOW_MIN_GAIN:
            good += 1
            parts.append(band[known[:, best], best])
    return Support(share=good / max(1, len(starts)), scores=np.concatenate(parts))


def score_band(scores: PairScores, arrangement: Arrangement, start: int, stop: int, reach: int) -> Floats32:
    """Return the scores of each medium with the texts at most ``reach`` places away.

    Args:
        scores: Scores of the run.
        arrangement: What stands beside what.
        start: First place.
        stop: One past the last place.
        reach: k.

    Returns:
        Shape (stop - start, 2 k + 1): column c is the text c - k places further; NaN outside the file.
    """
    count = len(arrangement.texts)
    band = np.full((stop - start, 2 * reach + 1), np.nan, dtype=np.float32)
    step = 256
    for first in range(start, stop, step):
        last = min(first + step, stop)
        low, high = max(0, first - reach), min(count, last + reach)
        block = scores.block(arrangement.media[first:last], arrangement.texts[low:high])
        places = np.arange(first, last)[:, None] + np.arange(-reach, reach + 1)[None] - low
        inside = (places >= 0) & (places < high - low)
        part = np.take_along_axis(block, np.clip(places, 0, high - low - 1), axis=1)
        band[first - start : last - start] = np.where(inside, part, np.nan)
    return band
