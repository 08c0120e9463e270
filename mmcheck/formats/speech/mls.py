"""Multilingual LibriSpeech: ``train/transcripts.txt`` (id, tab, text), recordings in ``audio/SPEAKER/BOOK/``."""

from __future__ import annotations

import posixpath
import re

from mmcheck.formats.paths import folder_of, join_under
from mmcheck.formats.speech.transcript_files import TranscriptFileFormat

_LANGUAGES = {
    "dutch": "nl",
    "english": "en",
    "french": "fr",
    "german": "de",
    "italian": "it",
    "polish": "pl",
    "portuguese": "pt",
    "spanish": "es",
}
"""Names in the folders of the corpus (``mls_polish``) -> codes."""
_FOLDER = re.compile(r"(?:^|/)mls_([a-z]+)(?:_opus)?(?:/|$)")


class MlsFormat(TranscriptFileFormat):
    """A folder of MLS, or one ``transcripts.txt``; the language is told by the folder ``mls_<language>``."""

    name = "mls"
    separator = "\t"
    companions = ("metainfo.txt",)

    def is_transcripts(self, name: str) -> bool:
        """Return whether it is called ``transcripts.txt``."""
        return posixpath.basename(name) == "transcripts.txt"

    def stems(self, manifest: str, id: str) -> list[str]:
        """Return the place by speaker and book, then that in ``audio/``, then that beside the file."""
        folder = folder_of(manifest)
        speaker, _, rest = id.partition("_")
        book = rest.partition("_")[0]
        return [join_under(folder, place) for place in (f"audio/{speaker}/{book}/{id}", f"audio/{id}", id)]

    def language(self, manifest: str) -> str | None:
        """Return the language that the folder's name tells."""
        found = _FOLDER.search(manifest.replace("\\", "/"))
        return _LANGUAGES.get(found.group(1)) if found else None

    def file_name(self, stem: str) -> str:
        """Return ``transcripts.txt`` in a folder of its own."""
        return f"{stem}/transcripts.txt"
