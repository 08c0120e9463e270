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
        """Return whether the first objects have ``audio_filepath``."""
        objects = first_objects(manifest, self._options.encoding)
        fits = any("audio_filepath" in row for row in objects or [])
        return Recognised.SIGNATURE if fits else Recognised.NO
