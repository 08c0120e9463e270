"""Short descriptions of a picture's looks and a recording's sound, by which copies are told from look-alikes.

None needs a model. They survive what happens to files on their way (saving again, resizing, a little crop, a change of
level, a lossy codec, some noise, an edge trimmed off) and nothing more: a recoloured picture, another take of the same
sentence are other media (a mirrored or bordered picture: ``image_views``). The price is that the likeness of unlike
media means nothing.
"""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from mmcheck.core.arrays import Floats32
from mmcheck.media.perceptual_hash import perceptual_hash

_HASH_SIDE = 128
"""Pixels that the hash is made from, at least; a picture of twice this is reduced first. Our own choice: four times
what the hash looks at."""
_GRID = 4  # fields a side whose mean colours are kept; our own choice: coarse enough for a slight crop

_RATE = 16_000  # Hz; given by the decoded recordings
_FRAME, _HOP = 512, 160
"""Samples of a frame, and from one to the next: 32 and 10 ms. Our own choice: as recognisers of speech."""
_NUM_BANDS, _LOW, _HIGH = 10, 150.0, 3400.0
"""Bands, and Hz of the lowest and highest. Our own choice: what the telephone and every codec lets through."""
_MODULATIONS = np.linspace(0.75, 10.0, 20, dtype=np.float32)  # Hz; our own choice: how fast speech and music change
_FLOOR_DB = 25.0
"""Decibels below the loud parts at which sound is cut off. Our own choice: weaker sound is lost in noise and codecs."""
_GATE_DB = 25.0
"""Decibels below the loud frames from which a frame counts for nothing. Our own choice: silence at the edges must not
matter."""
_LEAST_SPREAD_DB = 1.0
"""Decibels of movement below which there is no fingerprint. Our own choice: nothing is there to recognise."""
_LEAST_FRAMES = 20  # frames below which there is no fingerprint; our own choice: a fifth of a second
_BLOCK = 1 << 14  # frames in one go; our own choice: bounds memory

NUM_AUDIO_VALUES = 2 * len(_MODULATIONS) * (2 * _NUM_BANDS - 3)
"""Length of an audio fingerprint."""


def image_fingerprint(image: Image.Image) -> tuple[bytes, bytes]:
    """Return the perceptual hash and the colours of an RGB image.

    Args:
        image: Mode RGB, any size.

    Returns:
        The perceptual hash (8 bytes, most significant first, see ``perceptual_hash``). And the mean colours of 4 x 4
        fields, row by row (48 bytes: red, green, blue).
    """
    factor = min(image.size) // _HASH_SIDE
    small = image.reduce(factor) if factor >= 2 else image
    bits = np.packbits(perceptual_hash(small).ravel())
    colours = small.resize((_GRID, _GRID), Image.Resampling.BOX)
    return bits.tobytes(), colours.tobytes()


def audio_fingerprint(samples: Floats32) -> Floats32 | None:
    """Return what is left of a recording when level, frequency response, place in time and edges are taken away.

    The logarithmic energies in ten mel bands, centred over the loud frames, are turned into their modulation spectrum
    (0.75 to 10 Hz); the products of each band's spectrum with the complex conjugates of the next two bands' are kept.
    A shift in time turns all bands by the same angle, which cancels in these cross-spectra; their sizes are compressed
    by a square root, so that one strong rhythm does not speak for all. The idea is that of cross-power spectra, which
    are blind to a common delay (Knapp and Carter, IEEE TASSP 24, 1976); bands, floor and grid were chosen by
    measurement on speech.

    Args:
        samples: Mono at 16 kHz, shape (n,).

    Returns:
        Unit vector of shape (``NUM_AUDIO_VALUES``,); None if the recording is too short or too even to be recognised.
    """
    energies = _band_energies(samples)
    total = energies.sum(axis=1)
    loud = float(np.quantile(total, 0.95)) if len(total) else 0.0
    if len(total) < _LEAST_FRAMES or loud <= 0.0:
        return None
    levels = 10.0 * np.log10(energies / loud + 10.0 ** (-_FLOOR_DB / 10.0) / _NUM_BANDS)
    weights = np.clip((10.0 * np.log10(total / loud + 1e-9) + _GATE_DB) / 10.0, 0.0, 1.0)[:, None]
    weight = float(weights.sum())
    centred = (levels - (weights * levels).sum(axis=0) / weight) * weights
    if weight < _LEAST_FRAMES or float(np.sqrt((centred**2).sum() / (weight * _NUM_BANDS))) < _LEAST_SPREAD_DB:
        return None
    spectrum = _modulation_spectrum(centred.astype(np.float32))
    products = np.concatenate(
        [spectrum[:, :-1] * spectrum[:, 1:].conj(), spectrum[:, :-2] * spectrum[:, 2:].conj()], axis=1
    )
    products /= np.sqrt(np.maximum(np.abs(products), 1e-20))
    vector = np.concatenate([products.real.ravel(), products.imag.ravel()])
    return np.asarray(vector / np.linalg.norm(vector), dtype=np.float32)


def _band_energies(samples: Floats32) -> NDArray[np.float64]:
    """Return the energy of each frame in each mel band, shape (frames, bands)."""
    if len(samples) < _FRAME:
        return np.zeros((0, _NUM_BANDS))
    frames = np.lib.stride_tricks.sliding_window_view(samples, _FRAME)[::_HOP]
    window, bands = np.hanning(_FRAME).astype(np.float32), _mel_bands()
    found = np.empty((len(frames), _NUM_BANDS))
    for start in range(0, len(frames), _BLOCK):
        spectrum = np.fft.rfft(frames[start : start + _BLOCK] * window, axis=1)
        power = spectrum.real**2 + spectrum.imag**2
        found[start : start + _BLOCK] = power.astype(np.float32) @ bands
    return found


def _modulation_spectrum(levels: Floats32) -> NDArray[np.complex128]:
    """Return the Fourier transform of each band's levels at the modulation frequencies, shape (frequencies, bands)."""
    found = np.zeros((len(_MODULATIONS), levels.shape[1]), dtype=np.complex128)
    angles = -2.0 * np.pi * _MODULATIONS[:, None].astype(np.float64) * _HOP / _RATE
    for start in range(0, len(levels), _BLOCK):
        block = levels[start : start + _BLOCK]
        turns = np.exp(1j * (angles * np.arange(start, start + len(block)))).astype(np.complex64)
        found += turns @ block.astype(np.complex64)
    return found


@cache
def _mel_bands() -> Floats32:
    """Return triangular weights on the mel scale (O'Shaughnessy, 1987), shape (frequencies, bands)."""

    def mel(hertz: NDArray[np.floating] | float) -> NDArray[np.floating]:
        return 2595.0 * np.log10(1.0 + hertz / 700.0)

    edges = np.linspace(mel(_LOW), mel(_HIGH), _NUM_BANDS + 2)
    places = mel(np.fft.rfftfreq(_FRAME, 1.0 / _RATE))[:, None]
    rising = (places - edges[:-2]) / (edges[1:-1] - edges[:-2])
    falling = (edges[2:] - places) / (edges[2:] - edges[1:-1])
    return np.asarray(np.maximum(0.0, np.minimum(rising, falling)), dtype=np.float32)
