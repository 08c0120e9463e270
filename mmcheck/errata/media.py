"""What errata know media by: the digest of the file, the digest of the decoded sound, and the looks of a picture."""

from __future__ import annotations

import re
import threading
from collections import OrderedDict
from collections.abc import Mapping

import numpy as np

from mmcheck.config import DuplicatesConfig, MediaProbeConfig
from mmcheck.core.inline_media import payload_kind
from mmcheck.core.types import MediaRef, Sample
from mmcheck.corpus.duplicates.near_images import colour_distance, count_bits, has_shapes
from mmcheck.media.fingerprints import image_fingerprint
from mmcheck.media.sample_media import SampleMedia
from mmcheck.media.source import MediaSource

_CELL = re.compile(r"^(?P<column>.+?)\[\d+\](?:\[\d+\])?$", re.DOTALL)
"""A cell of a table, as references name it."""
_MAX_NAME = 1024  # characters of a name; given by the errata
_KEPT = 65_536  # digests of files that are remembered; our own choice: a few megabytes
_LIMITS = DuplicatesConfig()
MOST_BITS = min(2 * _LIMITS.image_hash_distance // 3, 7)
"""Bits in which the hashes of pictures that look alike may differ. Taken from near-duplicates that no model sees."""
MOST_COLOURS = 2.0 * _LIMITS.image_colour_distance / 3.0
"""Levels of 255 by which their colours may differ. Taken from near-duplicates that no model sees."""

Looks = tuple[bytes, bytes]
"""Perceptual hash (8 bytes) and field colours (48 bytes)."""


class MediaReader:
    """Reads media and says what they are known by; a file that many segments share is hashed once. Thread-safe.

    Args:
        options: Bounds on decoding.
        allow_remote: Whether addresses may be fetched.
    """

    def __init__(self, options: MediaProbeConfig, *, allow_remote: bool) -> None:
        self._options = options
        self._source = MediaSource(allow_remote=allow_remote)
        self._digests: OrderedDict[tuple[object, ...], tuple[bytes, int]] = OrderedDict()
        self._lock = threading.Lock()

    def digest(self, ref: MediaRef, manifest: str) -> tuple[bytes, int]:
        """Return the SHA-256 of the file (of the whole one for a segment) and its bytes.

        Raises:
            MediaError: If it cannot be read.
        """
        key = (ref.uri, ref.member, ref.offset)
        with self._lock:
            if key in self._digests:
                self._digests.move_to_end(key)
                return self._digests[key]
        found = self._source.digest(ref, manifest=manifest)
        with self._lock:
            self._digests[key] = found
            while len(self._digests) > _KEPT:
                self._digests.popitem(last=False)
        return found

    def sound(self, sample: Sample) -> bytes:
        """Return the SHA-256 of the decoded sound of a sample's recording, or of the segment that it names.

        Raises:
            MediaError: If it cannot be read or decoded.
        """
        return bytes.fromhex(self._media(sample).sound_digest())

    def looks(self, sample: Sample) -> Looks:
        """Return the perceptual hash and the colours of a sample's image.

        Raises:
            MediaError: If it cannot be read or decoded.
        """
        return image_fingerprint(self._media(sample).image())

    def close(self) -> None:
        """Close every open container."""
        self._source.close()

    def _media(self, sample: Sample) -> SampleMedia:
        return SampleMedia(
            sample,
            self._source,
            max_pixels=self._options.max_pixels,
            max_audio_seconds=self._options.max_audio_seconds,
            max_decode_seconds=self._options.max_decode_seconds,
        )


def look_alike(one: Looks, other: Looks) -> bool:
    """Return whether two images are copies by their looks: saved again, resized, but not one of many even pictures.

    Hash and colours must both agree, and both images have large shapes, as where ``duplicates`` has no model.
    """
    hashes = np.frombuffer(one[0] + other[0], dtype=">u8").astype(np.uint64)
    if int(count_bits(hashes[:1] ^ hashes[1:])[0]) > MOST_BITS:
        return False
    colours = np.stack([np.frombuffer(looks[1], dtype=np.uint8) for looks in (one, other)])
    return bool(has_shapes(colours).all()) and float(colour_distance(colours[:1], colours[1:])[0]) <= MOST_COLOURS


def medium_name(sample: Sample, ref: MediaRef) -> str | None:
    """Return the last part of the path that a medium has, for comparison alone; None if it has no name of its own."""
    if payload_kind(ref.uri):
        return None
    name = ref.name
    cell = _CELL.match(ref.member) if ref.member is not None else None
    if cell is not None:
        value = sample.row.get(cell["column"])
        path = value.get("path") if isinstance(value, Mapping) else None
        if not isinstance(path, str) or not path:
            return None
        name = path
    return name.replace("\\", "/").rstrip("/").rsplit("/", 1)[-1][:_MAX_NAME] or None
