"""Which recordings and faults a set is made of, so that small sets are parts of larger ones."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

from mmcheck.core.digests import digest_bytes
from scripts.benchmarks.real_parts.planting import CLEAN, FAULTS, OTHER, Planted, are_strangers
from scripts.benchmarks.real_parts.recordings import RealClip

_RING = 4
"""Recordings of a ring; the last ones of a language may be one more or two less."""


def in_order(clips: Sequence[RealClip]) -> list[RealClip]:
    """Return the clips in an order of chance that is the same for every set that they are in."""
    return sorted(clips, key=lambda clip: digest_bytes(clip.id.encode()))


def choose_clips(clips: Sequence[RealClip], model: str, wanted: int | None) -> list[RealClip]:
    """Return the recordings that a model can be held against, or the first of them, ``in_order``.

    Args:
        clips: All.
        model: Name of the weights; those that end in `.en` know English only.
        wanted: How many; None: all.
    """
    usable = in_order([clip for clip in clips if not model.endswith(".en") or clip.language == "en"])
    return usable if wanted is None else usable[:wanted]


def thin(pairs: Sequence[Planted], per_clip: int) -> list[Planted]:
    """Return the clean pairs and, of each clip's faults, as many as wanted; all faults get like numbers.

    Args:
        pairs: From ``plant_all``, clip by clip.
        per_clip: Faults kept of each clip.
    """
    found: list[Planted] = []
    tally = dict.fromkeys(FAULTS, 0)
    for _, group in groupby(pairs, key=lambda pair: pair.clip.id):
        own = list(group)
        rarest = sorted((pair for pair in own if pair.fault != CLEAN), key=lambda pair: tally[pair.fault])[:per_clip]
        for pair in rarest:
            tally[pair.fault] += 1
        found += [pair for pair in own if pair.fault == CLEAN or pair in rarest]
    return found


def draw_rings(clips: Sequence[RealClip]) -> list[list[RealClip]]:
    """Return the clips in rings of four or so of a language, in each of which every text can move on by one.

    Clips with no stranger in their language are in none. Sets of any share of wrong texts are made of whole rings, so
    that few pairs have to be verified for many sets. The rings of the first clips are rings of all.

    Args:
        clips: The set.
    """
    rings: list[list[RealClip]] = []
    for language in dict.fromkeys(clip.language for clip in clips):
        own = in_order([clip for clip in clips if clip.language == language])
        parts = [own[start : start + _RING] for start in range(0, len(own), _RING)]
        rings += [part for part in parts if len(part) > 1]
    return [ring for ring in rings if all(are_strangers(one, two) for one, two in _moves(ring))]


def shift_ring(ring: Sequence[RealClip]) -> list[Planted]:
    """Return the clips of a ring, each with the text of the next."""
    return [Planted(clip=clip, fault=OTHER, text=other.text, language=clip.language) for clip, other in _moves(ring)]


def _moves(ring: Sequence[RealClip]) -> list[tuple[RealClip, RealClip]]:
    return list(zip(ring, [*ring[1:], ring[0]], strict=True))
