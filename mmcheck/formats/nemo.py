"""NeMo manifests: JSON Lines with ``audio_filepath``, ``text``, ``duration`` and, for segments, ``offset``."""

from __future__ import annotations

from mmcheck.formats.jsonl import JsonlFormat, first_objects
from mmcheck.formats.paths import Modality


class NemoFormat(JsonlFormat):
    """NeMo manifest.

    ``offset`` and ``duration`` name a segment only together: a duration alone is the file's length and stays a plain
    column, because a length that is a little wrong must not cut the recording.
    """

    name = "nemo"
    modality: Modality | None = "audio"

    def recognises(self, manifest: str) -> bool:
        """Return whether the first objects have ``audio_filepath``."""
        objects = first_objects(manifest, self._options.encoding)
        return bool(objects) and any("audio_filepath" in row for row in objects or [])
