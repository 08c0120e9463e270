"""Where the recordings of written Lhotse manifests lie: where they were, or copied beside the manifest."""

from __future__ import annotations

import os
from pathlib import Path

from mmcheck.config import OutputConfig
from mmcheck.core.types import Sample
from mmcheck.formats.output_rows import link_or_copy
from mmcheck.formats.text_source import is_url


class MovedRecordings:
    """The paths that a written manifest gives its recordings, where they are not those that they have.

    Args:
        place: Folder of the written manifest.
        stem: Its name; copies lie in ``<stem>_media``.
        output: Output options.
    """

    def __init__(self, place: Path, stem: str, output: OutputConfig) -> None:
        self._place = place
        self._media = f"{stem}_media"
        self._output = output
        self._used: set[str] = set()
        self.paths: dict[str, str] = {}
        """File -> the path to write."""

    def add(self, sample: Sample) -> None:
        """Take in the recording of a sample that is written; with ``write_media``, put it in its place.

        Raises:
            OutputError: If it cannot be written.
        """
        ref = sample.audio
        if ref is None or ref.member is not None or is_url(ref.uri) or ref.uri in self.paths:
            return
        if self._output.write_media and os.path.isfile(ref.uri):
            root, suffix = os.path.splitext(os.path.basename(ref.uri))
            relative, count = f"{self._media}/{root}{suffix}", 1
            while relative in self._used:
                count += 1
                relative = f"{self._media}/{root}-{count}{suffix}"
            self._used.add(relative)
            link_or_copy(ref.uri, self._place, relative)
            self.paths[ref.uri] = relative
        elif self._output.paths == "relative":
            self.paths[ref.uri] = os.path.relpath(ref.uri, self._place)
