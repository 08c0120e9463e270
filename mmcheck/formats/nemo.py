"""NeMo manifests: JSON Lines with ``audio_filepath``, ``text``, ``duration`` and, for segments, ``offset``."""

from __future__ import annotations

from mmcheck.formats.base import Recognised
from mmcheck.formats.jsonl import JsonlFormat, first_objects
from mmcheck.formats.paths import Modality


class NemoFormat(JsonlFormat):
    """NeMo manifest.

    ``offset`` and ``duration`` name a segment only together: a duration alone is the file's length and stays a plain
    column, because a length that is a little wrong must not cut the recording.
    """

    name = "nemo"
    modality: Modality | None = "audio"

    def recognise(self, manifest: str) -> Recognised:
        """Return whether the first objects have ``audio_filepath``; one with ``shard_id`` may be of a tarred set."""
        objects = first_objects(manifest, self._options.encoding)
        rows = [row for row in objects or [] if "audio_filepath" in row]
        if any("shard_id" in row for row in rows):
            return Recognised.CONVENTION
        return Recognised.SIGNATURE if rows else Recognised.NO
