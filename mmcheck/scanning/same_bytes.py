"""Which rows hold the very same image bytes, wherever they lie: Parquet cells, members of a tar, copies on disk.

That shows only as rows are read. The first row of the run with some bytes is looked at; a later one takes over what was
found there. Which row counts as the first is settled in the rows' order, so it does not depend on how fast the decoding
threads are, nor on where a run was stopped: what was settled is stored with the parts.

Memory is 8 bytes a row for the keys and 8 to 16 for finding them: 24 MB for a million rows at most.
"""

from __future__ import annotations

import base64
import hashlib
from threading import Lock

import numpy as np

from mmcheck.core.types import Sample
from mmcheck.media.sample_media import SampleMedia
from mmcheck.media.suffixes import known_ending

LABEL = "images"
"""Label of a part: the keys of its rows' images."""


class SameBytes:
    """The keys of images by row, and the first row of each. Safe to use from several threads.

    Args:
        num_rows: Rows of the run.
    """

    def __init__(self, num_rows: int) -> None:
        self._keys = np.zeros(num_rows, dtype="<u8")
        # An open hash table at most half full. A slot holds a row and one, 0 is empty; its key stands in ``_keys``.
        size = 1 << (2 * num_rows).bit_length() if num_rows else 0
        self._slots = np.zeros(size, dtype=np.int32 if num_rows < 1 << 31 else np.int64)
        self._in_decoding: dict[int, int] = {}
        self._lock = Lock()

    def __len__(self) -> int:
        """Return the rows of the run; 0 if nothing is shared."""
        return len(self._keys)

    def key_at(self, row: int) -> int:
        """Return the key of a row's image; 0 if none is known, or the image cannot be decoded."""
        return int(self._keys[row])

    def is_first(self, row: int) -> bool:
        """Return whether later rows with the same bytes take over what is found out about this one."""
        key = self._keys.item(row)
        return key != 0 and self._find(key) == row

    def claim(self, key: int, row: int) -> int | None:
        """Return an earlier row that has these bytes, also if it is just being decoded; None: ``row`` must be.

        This spares work and settles nothing: the earlier row's image may turn out to be broken.
        """
        with self._lock:
            for first in (self._find(key), self._in_decoding.get(key)):
                if first is not None and first < row:
                    return first
            self._in_decoding[key] = row
            return None

    def release(self, key: int, row: int) -> None:
        """Let other rows with these bytes be decoded, as this one, which claimed them, could not be."""
        with self._lock:
            if self._in_decoding.get(key) == row:
                del self._in_decoding[key]

    def settle(self, row: int, key: int, *, is_sound: bool) -> int | None:
        """Return the row whose values ``row`` takes over; None if it has its own. To be called in the rows' order.

        Args:
            row: The row.
            key: The key of its image's bytes.
            is_sound: Whether its image was decoded; a broken one is no row's first, as each tells its own place.
        """
        with self._lock:
            first = self._find(key) if key else None
            is_later = first is not None and first < row
            self._set(row, key if is_later or is_sound else 0)
            if self._in_decoding.get(key) == row:
                del self._in_decoding[key]
            return first if is_later else None

    def label(self, start: int, stop: int) -> str:
        """Return the keys of rows as text; "" if none has one."""
        keys = self._keys[start:stop]
        return base64.b64encode(keys.tobytes()).decode() if keys.any() else ""

    def load(self, start: int, label: str) -> None:
        """Take up the keys that an earlier call of the scan stored.

        Args:
            start: The first row.
            label: What ``label`` returned.
        """
        keys = np.frombuffer(base64.b64decode(label), dtype="<u8")
        with self._lock:
            for at in np.flatnonzero(keys).tolist():
                self._set(start + at, keys.item(at))

    def _set(self, row: int, key: int) -> None:
        self._keys[row] = key
        if key:
            at = self._slot(key)
            if not (taken := self._slots.item(at)) or taken - 1 > row:
                self._slots[at] = row + 1

    def _find(self, key: int) -> int | None:
        row = self._slots.item(self._slot(key))
        return row - 1 if row else None

    def _slot(self, key: int) -> int:
        """Return the slot that holds a row with this key, else the one where it belongs."""
        mask = len(self._slots) - 1
        at = key & mask
        while (row := self._slots.item(at)) and self._keys.item(row - 1) != key:
            at = (at + 1) & mask
        return at


def has_image_alone(sample: Sample) -> bool:
    """Return whether what is measured of a sample's medium is measured of its one image alone."""
    return sample.image is not None and sample.audio is None and sample.problem is None and not sample.further


def image_key(media: SampleMedia) -> int:
    """Return 64 bits of the bytes of a sample's image and of what its name says they are; never 0.

    The ending of the name is measured too (``media.wrong_suffix``).

    Raises:
        MediaError: If the bytes cannot be read.
    """
    ref = media.sample.image
    content = f"{media.image_digest()}{known_ending(ref.name) if ref else ''}"
    return int.from_bytes(hashlib.blake2b(content.encode(), digest_size=8).digest(), "little") or 1
