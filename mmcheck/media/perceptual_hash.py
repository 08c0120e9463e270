"""The perceptual hash of a picture: 64 bits that stay the same when it is resized or saved again."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image

_SIDE = 32  # pixels a side that are transformed; taken from the usual pHash (imagehash)
_LOW = 8  # lowest frequencies kept a side: 8 x 8 bits; taken from the usual pHash (imagehash)


def perceptual_hash(image: Image.Image) -> NDArray[np.bool_]:
    """Return which low frequencies of the luma lie above their median, shape (8, 8), row by row.

    The luma is reduced to 32 x 32 pixels (Lanczos) and put through a two-dimensional cosine transform (type II, not
    normalised); its 8 x 8 lowest frequencies are held against their median. This is the "pHash" of Neal Krawetz,
    "Looks Like It" (hackerfactor.com, 2011), after Christoph Zauner, "Implementation and benchmarking of perceptual
    image hash functions" (2010). The bits are those of ``imagehash.phash`` of ImageHash 4.3, so that hashes of either
    can be compared.

    Args:
        image: Any mode that Pillow turns into luma, any size.
    """
    # Not a matrix of cosines: its rounding would fill the flat frequencies of a blank picture with noise.
    from scipy.fft import dct

    pixels = np.asarray(image.convert("L").resize((_SIDE, _SIDE), Image.Resampling.LANCZOS), dtype=np.float64)
    low = dct(dct(pixels, axis=0), axis=1)[:_LOW, :_LOW]
    return np.asarray(low > np.median(low), dtype=np.bool_)
