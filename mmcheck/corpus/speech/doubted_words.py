"""Is a transcript's least likely word less likely than such words are in this set?

Every set has names and rare words, and every model its own nats for them, so a fixed limit takes them for wrong words.
Here the limit is the set's own: how large a share of its sound transcripts would have so unlikely a word. Beyond the
worst few the share comes from an exponential tail, since few sets hold a thousand transcripts. Its scale is read off
quantiles below the worst fiftieth, so that as many wrong transcripts move nothing; more of them only make it milder.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mmcheck.core.arrays import Floats
from mmcheck.corpus.speech.clips import SpeechClips
from mmcheck.corpus.speech.faults import find_slope, log_lengths

_BODY, _MIDDLE, _EDGE = 0.8, 0.9, 0.98
"""Quantiles: where the tail begins, and the two that its scale is read off. Our own choice: a fifth of the set shows
the tail, and a fiftieth of it may be wrong."""
_MIN_SCALE = 0.5
"""Least scale of the tail, nat. Our own choice: sets in which hardly a word is doubted have no tail, and half a nat is
what another precision of the model changes."""


def judge_doubted(clips: SpeechClips, is_faulty: NDArray[np.bool_], min_clips: int) -> Floats:
    """Return for each row the share of sound transcripts whose least likely word is as unlikely, in [0, 1].

    Compared at one length of text. NaN where the transcript was not verified, or where there are too few to compare
    with.

    Args:
        clips: The rows; those ``inside`` are judged.
        is_faulty: Which rows probably have a fault that is known by another statistic, shape (n,).
        min_clips: Fewer distinct transcripts are not judged.
    """
    usable = clips.is_verified & ~clips.is_other
    found = np.full(len(usable), np.nan)
    if (usable & clips.is_first).sum() < min_clips or clips.hopeless:
        return found
    # Where every word was recognised, none is doubted.
    doubt = -np.nan_to_num(clips.values["doubted_word_log_prob"], nan=0.0)
    base = usable & clips.is_first & ~is_faulty
    if not base.any():
        return found
    lengths = log_lengths(clips, base)
    # The worst few shall not say how doubt grows with length.
    usual = np.minimum(doubt[base], np.quantile(doubt[base], _EDGE))
    level = doubt - find_slope(-usual, lengths[base], np.ones(len(usual))) * lengths
    found[usable] = _tail_share(np.sort(level[base]), level[usable])
    found[usable & (doubt == 0)] = 1.0
    return found


def _tail_share(sound: Floats, values: Floats) -> Floats:
    """Return the share of sound values at least as large as each value.

    Args:
        sound: Ascending, shape (m,), m at least 1.
        values: Shape (n,).
    """
    body, middle, edge = np.quantile(sound, [_BODY, _MIDDLE, _EDGE])
    # An exponential tail falls to a half within log 2 scales, and to a tenth within log 10.
    scale = max((middle - body) / np.log(2.0), (edge - body) / np.log(10.0), _MIN_SCALE)
    counted = 1.0 - np.searchsorted(sound, values, side="left") / len(sound)
    return np.where(values > body, (1.0 - _BODY) * np.exp(-(values - body) / scale), np.maximum(counted, 1.0 - _BODY))
