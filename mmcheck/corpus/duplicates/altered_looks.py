"""Copies that were mirrored, bordered, captioned or slightly cropped: the further looks at two pictures, compared.

The plain hash of such a copy is another one. But its mirrored view is the original's plain one, its content without
borders is the original's, and its plain look is the original's inner part. Limits are the strict ones that hold where a
hash stands alone, and pictures without large shapes are left out, as there.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mmcheck.core.arrays import Mask, Rows
from mmcheck.media.image_views import VIEW_BYTES, VIEWS

Bits = NDArray[np.uint64]
Bytes = NDArray[np.uint8]
_HASH_BYTES = 8  # of a view; given by the perceptual hash
PLAIN = "plain"
_WHOLE = (PLAIN, "content", "unlettered")
"""Views that show the whole picture; one of these is part of each comparison, or two crops of one would be compared."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Looks:
    """All looks at the different images of a run, by view."""

    hashes: dict[str, Bits]
    """View -> perceptual hashes, shape (n,)."""
    colours: dict[str, Bytes]
    """View -> field colours, shape (n, 48)."""
    known: dict[str, Mask]
    """View -> which images have it, and large shapes in it, shape (n,)."""

    def combinations(self) -> Iterator[tuple[str, str]]:
        """Yield which view of the first picture is compared with which of the second one, the plain ones left out."""
        names = [PLAIN, *VIEWS]
        for one in names:
            for other in names:
                if (one, other) != (PLAIN, PLAIN) and (one in _WHOLE or other in _WHOLE):
                    yield one, other

    def entries(self) -> tuple[Bits, Rows]:
        """Return the hashes of all views, shape (m,), and the image that each is of, shape (m,)."""
        names = list(self.hashes)
        rows = [np.flatnonzero(self.known[name]) for name in names]
        hashes = [self.hashes[name][own] for name, own in zip(names, rows, strict=True)]
        return np.concatenate(hashes), np.concatenate(rows).astype(np.int64)


def split_views(views: Bytes) -> tuple[dict[str, Bits], dict[str, Bytes], dict[str, Mask]]:
    """Return hashes, colours and presence of each stored view.

    Args:
        views: Shape (n, 224), zeros where there is none.
    """
    hashes: dict[str, Bits] = {}
    colours: dict[str, Bytes] = {}
    present: dict[str, Mask] = {}
    for number, name in enumerate(VIEWS):
        part = views[:, number * VIEW_BYTES : (number + 1) * VIEW_BYTES]
        hashes[name] = np.ascontiguousarray(part[:, :_HASH_BYTES]).view(">u8")[:, 0].astype(np.uint64)
        colours[name] = part[:, _HASH_BYTES:]
        present[name] = np.asarray(part.any(axis=1))
    return hashes, colours, present
