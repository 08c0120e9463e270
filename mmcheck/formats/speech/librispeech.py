"""LibriSpeech: ``84/121/84-121.trans.txt`` with an id and a text a line, the recordings beside it."""

from __future__ import annotations

from mmcheck.formats.paths import folder_of, join_under
from mmcheck.formats.speech.transcript_files import TranscriptFileFormat


class LibriSpeechFormat(TranscriptFileFormat):
    """A folder of LibriSpeech, or one of its ``*.trans.txt``."""

    name = "librispeech"
    separator = " "
    companions = ("SPEAKERS.TXT", "CHAPTERS.TXT", "BOOKS.TXT", "LICENSE.TXT", "README.TXT")

    def is_transcripts(self, name: str) -> bool:
        """Return whether it ends in ``.trans.txt``."""
        return name.endswith(".trans.txt")

    def stems(self, manifest: str, id: str) -> list[str]:
        """Return the place beside the file."""
        return [join_under(folder_of(manifest), id)]

    def file_name(self, stem: str) -> str:
        """Return ``<stem>.trans.txt``."""
        return f"{stem}.trans.txt"
